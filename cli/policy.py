"""``hotline policy``: is a bundle valid, and what does it say (R5, R12, R14)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.policies import AS_JSON, instant, loaded, named, table
from cli.policy_calendar import calendar, coverage, coverage_words, due, warnings
from cli.policy_effect import effect
from cli.policy_terms import terms
from policy.bundle import Bundle, Policy, load
from policy.errors import PolicyError
from policy.window import Window, WindowMode

NAME = click.argument("name", required=False, metavar="[NAME|FOLDER]")
WINDOW_UNITS = {WindowMode.CALENDAR_MONTHS: "calendar months", WindowMode.ROLLING: "days back"}


@dataclass(frozen=True, slots=True)
class Number:
    """A value that rules decide by, and who says so."""

    name: str
    value: Any
    source: str


# --- What a bundle says: pure -------------------------------------------------------------------


def numbers(policy: Policy) -> tuple[Number, ...]:
    """Every number of a version, with its source, as the rules file names it."""
    repeat, intake = policy.repeat, policy.intake
    found = [
        Number(f"repeat.{name}", repeat.default if name == "window" else getattr(repeat, name), why)
        for name, why in repeat.sources.items()
    ]
    for leaf, channel, window in repeat.overrides:
        where = ", ".join(each for each in (leaf, channel) if each)
        found.append(Number(f"repeat.window ({where})", window, window.source))
    minutes = {"future_tolerance_minutes": intake.future_tolerance / timedelta(minutes=1)}
    found += [
        Number(f"intake.{name}", minutes[name] if name in minutes else getattr(intake, name), why)
        for name, why in intake.sources.items()
    ]
    found += [Number(f"sla.{name}", *said) for name, said in terms(policy.sla).items()]
    return tuple(Number(each.name, _plain(each.value), each.source) for each in found)


def _plain(value: Any) -> Any:
    match value:
        case Window():
            return f"{value.length} {WINDOW_UNITS[value.mode]}"
        case frozenset():
            return sorted(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def told(bundle: Bundle, at: datetime) -> dict[str, Any]:
    """All that ``show`` says, for JSON."""
    policy = bundle.at(at)
    tree, organisation = policy.categories, policy.organisation
    return {
        "profile": bundle.profile,
        "title": bundle.title,
        "hash": bundle.hash,
        "time_zone": str(policy.time_zone),
        "at": at.isoformat(),
        "in_force": policy.version,
        "versions": [
            {
                "name": each.name,
                "version": each.policy.version,
                "effective_from": each.effective_from.astimezone(policy.time_zone).isoformat(),
                "why": each.why,
            }
            for each in bundle.versions
        ],
        "numbers": [
            {"name": each.name, "value": each.value, "source": each.source}
            for each in numbers(policy)
        ],
        "categories": {
            "version": tree.version,
            "nodes": len(tree.nodes),
            "leaves": sum(1 for _ in tree.leaves()),
            "remapped": {old: list(new) for old, new in tree.remapped.items()},
        },
        "units": len(organisation.units),
        "vacancies": vacancies(policy),
        "on_duty": on_duty(policy, at),
    }


def vacancies(policy: Policy) -> list[dict[str, str]]:
    """Required roles that nobody fills (R5)."""
    return [
        {
            "unit": each.unit,
            "name": policy.organisation.units[each.unit].name,
            "role": str(each.role),
        }
        for each in policy.organisation.vacancies()
    ]


def on_duty(policy: Policy, at: datetime) -> list[dict[str, str | None]]:
    """Who is on duty (值班) in each unit that keeps a roster; None: nobody, at that time."""
    found = []
    for code, unit in policy.organisation.units.items():
        if unit.roster:
            person = policy.organisation.on_duty(code, at, policy.time_zone)
            found.append(
                {
                    "unit": code,
                    "name": unit.name,
                    "person": None if person is None else person.id,
                    "person_name": None if person is None else person.name,
                }
            )
    return found


# --- The commands -------------------------------------------------------------------------------


@click.group()
def policy() -> None:
    """Check and show the rules, the category tree and who is who.

    NAME is a profile that comes with the project (cn-12345, us-311, uk-council), FOLDER one with a
    bundle.yaml. Without either: HOTLINE_POLICY.

    \b
    Examples:
      hotline policy check city-policy/
      hotline policy show cn-12345
      hotline policy show --at 2026-07-01T23:30 --json | jq .on_duty
      hotline policy calendar cn-workdays --year 2027
      hotline policy due --calendar cn-workdays --from 2026-09-30 --amount 5 --unit working_days
    """


for each in (calendar, due, effect):
    policy.add_command(each)


@policy.command()
@NAME
@click.option("--at", metavar="TIME", help="Warn as of then.  [default: now]")
@AS_JSON
def check(name: str | None, at: str | None, as_json: bool) -> None:
    """Say whether a bundle is valid, and which years its calendars know.

    Exit code 1 if it is not. Warns of required roles that nobody fills, and of calendars that end
    within a year.

    \b
    Examples:
      hotline policy check
      hotline policy check city-policy/ --at 2027-01-01 --json
    """
    try:
        bundle = load(named(name))
    except PolicyError as error:
        if not as_json:
            raise click.ClickException(str(error)) from error
        click.echo(json.dumps(_wrong(error), ensure_ascii=False, indent=2))
        raise SystemExit(1) from error
    newest = bundle.versions[-1].policy
    vacant = vacancies(newest)
    warned = warnings(newest.calendars, instant(at, bundle))
    known = coverage(newest.calendars)
    if as_json:
        valid = {
            "valid": True,
            "profile": bundle.profile,
            "hash": bundle.hash,
            "versions": [each.policy.version for each in bundle.versions],
            "vacancies": vacant,
            "calendars": known,
            "warnings": warned,
        }
        click.echo(json.dumps(valid, ensure_ascii=False, indent=2))
        return
    click.echo(f"{bundle.profile} is valid: {len(bundle.versions)} version(s), hash {bundle.hash}")
    for each in known:
        click.echo(coverage_words(each))
    for warning in warned:
        click.echo(warning, err=True)
    for each in vacant:
        click.echo(f"nobody is {each['role']} of {each['name']} ({each['unit']})", err=True)


def _wrong(error: PolicyError) -> dict[str, Any]:
    return {
        "valid": False,
        "file": str(error.file),
        "line": error.line,
        "key": error.key,
        "value": repr(error.value),
        "problem": error.problem,
    }


@policy.command()
@NAME
@click.option("--at", metavar="TIME", help="The version in force then.  [default: now]")
@AS_JSON
def show(name: str | None, at: str | None, as_json: bool) -> None:
    """Show what is in force: numbers with their sources, tree, vacancies, who is on duty.

    \b
    Examples:
      hotline policy show
      hotline policy show cn-12345 --at 2026-06-30T23:59
      hotline policy show us-311 --json
    """
    bundle = loaded(name)
    said = told(bundle, instant(at, bundle))
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    console = Console()
    for each in _tables(said):
        console.print(each)
        console.print()


def _tables(said: Mapping[str, Any]) -> list[Table]:
    head = table(
        f"{said['title']} ({said['profile']}, hash {said['hash']}, {said['time_zone']})",
        "version",
        "in force from",
        "why",
    )
    for each in said["versions"]:
        mark = "▶ " if each["version"] == said["in_force"] else "  "
        head.add_row(escape(mark + each["version"]), each["effective_from"], escape(each["why"]))
    rules = table("rules", "number", "value", "source")
    for each in said["numbers"]:
        value = each["value"]
        listed = isinstance(value, list)
        text = ", ".join(map(str, value)) if listed else json.dumps(value).strip('"')
        rules.add_row(*map(escape, (each["name"], text, each["source"])))
    tree = said["categories"]
    codes = table(
        f"category tree {tree['version']}: {tree['nodes']} nodes, {tree['leaves']} leaves",
        "code that went",
        "is now",
    )
    for old, new in tree["remapped"].items():
        codes.add_row(escape(old), escape(", ".join(new)))
    duty = table(f"on duty at {said['at']}", "unit", "", "person")
    for each in said["on_duty"]:
        person = each["person"]
        shown = "[red]nobody[/]" if person is None else escape(f"{each['person_name']} ({person})")
        duty.add_row(escape(each["unit"]), escape(each["name"]), shown)
    count = len(said["vacancies"]) or "none"
    vacant = table(f"vacancies among {said['units']} units: {count}", "unit", "", "role")
    for each in said["vacancies"]:
        vacant.add_row(escape(each["unit"]), escape(each["name"]), each["role"])
    return [head, rules, codes, duty, vacant]
