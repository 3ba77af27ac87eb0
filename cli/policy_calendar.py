"""``hotline policy calendar`` and ``due``: which days count, and until when (R25, complaint 9)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import click
from rich.console import Console
from rich.markup import escape

from cli.policies import AS_JSON, instant, loaded, table
from policy.bundle import Policy
from policy.calendars import CalendarMissing, Calendars, CalendarUnknown, Day, WorkingCalendar
from policy.calendars.days import WEEKDAYS
from policy.sla import Unit
from rules.clocks.reckoning import Reckoning, reckon
from rules.clocks.terms import Terms
from rules.clocks.words import duration_words

ENDS_SOON = timedelta(days=365)
"""The longest targets with their extensions stay well within it."""
BEGINS_SOON = timedelta(days=60)
"""In China the notice for a year comes in the last months of the year before."""
_MOST_DAYS = 1_000
_ONE_DAY = timedelta(days=1)


# --- Pure ---------------------------------------------------------------------------------------


def coverage(calendars: Calendars) -> list[dict[str, Any]]:
    """Which years each calendar knows; of a continuous one all, told as none."""
    return [
        {
            "name": name,
            "version": each.version,
            "title": each.title_en,
            "zone": each.zone.key,
            "years": None if each.continuous else list(each.years),
            "provisional_years": list(each.provisional_years),
        }
        for name, each in calendars.items()
    ]


def coverage_words(told: Mapping[str, Any]) -> str:
    """«cn-workdays: 2004-2027, 2027 provisional»."""
    if told["years"] is None:
        return f"{told['name']}: every year"
    first, last = told["years"]
    guessed = ", ".join(map(str, told["provisional_years"]))
    return f"{told['name']}: {first}-{last}" + (f", {guessed} provisional" if guessed else "")


def warnings(calendars: Calendars, now: datetime) -> list[str]:
    """What an operator should do about calendars before it is too late."""
    found = []
    for name, each in calendars.items():
        if each.continuous:
            continue
        today, last = each.local_date(now), date(each.years[1], 12, 31)
        if last - today < ENDS_SOON:
            found.append(
                f"calendar {name} knows no day after {last}: add {last.year + 1} in a new version "
                "of the policy, as provisional where it is not published"
            )
        found += [
            f"calendar {name}: {year} was written by hand and the library knows it by now: "
            "take it out of provisional_years in a new version of the policy"
            for year in each.replaceable_years
        ]
        found += [
            f"calendar {name}: {year} is provisional: write what was published since in a new "
            "version of the policy"
            for year in each.provisional_years
            if year <= (today + BEGINS_SOON).year and year not in each.replaceable_years
        ]
    return found


def day_told(day: Day) -> dict[str, Any]:
    return {
        "date": day.date.isoformat(),
        "weekday": WEEKDAYS[day.date.weekday()],
        "kind": str(day.kind),
        "works": day.works,
        "hours": [str(each) for each in day.spans],
        "name": {"en": day.name_en, "zh": day.name_zh},
        "provisional": day.provisional,
        "source": day.source,
    }


@dataclass(frozen=True, slots=True)
class Counted:
    """A day on the way to a deadline, and what it counted for."""

    day: Day
    number: int | None
    """Which of the days asked for it is; None: it does not count, or time is asked for."""
    time: timedelta
    """Working time of it that lies between start and deadline."""


def counted(
    calendar: WorkingCalendar, start: datetime, deadline: datetime, amount: int, unit: str
) -> tuple[Counted, ...]:
    """Every day from that of ``start`` to that of ``deadline``; those rolled over do not count."""
    first = calendar.local_date(start)
    last = calendar.local_date(deadline - timedelta.resolution) if deadline > start else first
    number = 0
    found = []
    for day in calendar.days(first, last):
        begins = max(start, calendar.day_after(_noon(calendar, day.date - _ONE_DAY)))
        ends = min(deadline, calendar.day_after(_noon(calendar, day.date)))
        counts = (
            first < day.date
            and number < amount
            and (unit == "calendar_days" or (unit == "working_days" and day.works))
        )
        number += counts
        time = calendar.working_time_between(begins, ends)
        found.append(Counted(day, number if counts else None, time))
    return tuple(found)


def _noon(calendar: WorkingCalendar, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=calendar.zone).astimezone(UTC)


# --- The commands -------------------------------------------------------------------------------


POLICY = click.option(
    "--policy", "bundle_name", metavar="NAME|FOLDER", help="Bundle.  [default: HOTLINE_POLICY]"
)
AT = click.option("--at", metavar="TIME", help="The version in force then.  [default: now]")
DATE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("name", required=False)
@click.option("--year", type=click.IntRange(1, 9998), help="A whole year.  [default: this]")
@click.option("--from", "first", type=DATE, metavar="DATE", help="From this day ...")
@click.option("--to", "last", type=DATE, metavar="DATE", help="... to this day, both in.")
@POLICY
@AT
@AS_JSON
def calendar(
    name: str | None,
    year: int | None,
    first: datetime | None,
    last: datetime | None,
    bundle_name: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Show the days of a calendar that are not as the week says: holidays, make-up days, half days.

    NAME is a calendar of the policy; without one all are named, with the years that they know.

    \b
    Examples:
      hotline policy calendar
      hotline policy calendar cn-workdays --year 2026
      hotline policy calendar uk-england --policy uk-council --from 2026-12-01 --to 2027-01-31
    """
    bundle = loaded(bundle_name)
    now = instant(at, bundle)
    policy = bundle.at(now)
    if name is None:
        _show_all(policy, as_json)
        return
    if year is not None and (first or last):
        raise click.UsageError("give either --year or --from and --to")
    if (first is None) != (last is None):
        raise click.UsageError("give both --from and --to")
    found = _named(policy, name)
    if first is not None and last is not None:
        begin, end = first.date(), last.date()
    else:
        year = year or found.local_date(now).year
        begin, end = date(year, 1, 1), date(year, 12, 31)
    if end < begin:
        raise click.BadParameter(f"{end} is before {begin}", param_hint="--to")
    try:
        days = found.days(begin, end)
    except CalendarUnknown as unknown:
        raise click.ClickException(str(unknown)) from unknown
    said = {
        "name": found.name,
        "version": found.version,
        "title": {"en": found.title_en, "zh": found.title_zh},
        "policy": policy.version,
        "zone": found.zone.key,
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "working_days": sum(each.works for each in days),
        "days": [day_told(each) for each in found.special_days(begin, end)],
    }
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    _print_days(said)


def _show_all(policy: Policy, as_json: bool) -> None:
    said = coverage(policy.calendars)
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    click.echo(f"calendars of {policy.version}")
    shown = table("", "calendar", "", "years", "time zone", "version")
    for each in said:
        years = coverage_words(each).partition(": ")[2]
        shown.add_row(
            *map(escape, (each["name"], each["title"], years, each["zone"], each["version"]))
        )
    Console().print(shown)


def _print_days(said: Mapping[str, Any]) -> None:
    click.echo(
        f"{said['name']} ({said['version']}, {said['zone']}): {said['working_days']} working days "
        f"from {said['from']} to {said['to']}; not as the week says:"
    )
    shown = table("", "day", "", "kind", "hours", "", "source")
    for each in said["days"]:
        shown.add_row(
            each["date"],
            each["weekday"],
            each["kind"].replace("_", "-") + (" (provisional)" if each["provisional"] else ""),
            " ".join(each["hours"]),
            escape(_both(each["name"])),
            escape(each["source"]),
        )
    Console().print(shown)


def _both(name: Mapping[str, str]) -> str:
    return " ".join(each for each in (name["zh"], name["en"]) if each)


def _named(policy: Policy, name: str) -> WorkingCalendar:
    try:
        return policy.calendars[name]
    except CalendarMissing as missing:
        raise click.ClickException(str(missing)) from missing


@click.command()
@click.option("--calendar", "name", required=True, metavar="NAME", help="Of the policy.")
@click.option("--from", "start", required=True, metavar="TIME", help="When it was received.")
@click.option("--amount", required=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--unit", required=True, type=click.Choice(get_args(Unit)), help="Of what.")
@click.option("--roll", is_flag=True, help="Of calendar days: move on from a day off.")
@POLICY
@AT
@AS_JSON
def due(
    name: str,
    start: str,
    amount: int,
    unit: str,
    roll: bool,
    bundle_name: str | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Work out a deadline, with the days that count and those that do not.

    Days are counted from the day after; working days end as business does, calendar days at 24:00,
    or with --roll at the end of business of the next working day.

    \b
    Examples:
      hotline policy due --calendar cn-workdays --from 2026-09-30 --amount 5 --unit working_days
      hotline policy due --calendar cn-workdays --from 2026-02-13T17:00 --amount 8 --unit hours
      hotline policy due --calendar us-federal --policy us-311 --from 2026-11-25T16:00 \\
        --amount 7 --unit calendar_days --roll --json
    """
    if roll and unit != "calendar_days":
        raise click.UsageError("--roll is of calendar_days; the others are working time anyway")
    if unit.endswith("days") and amount > _MOST_DAYS:
        raise click.BadParameter(f"at most {_MOST_DAYS} days", param_hint="--amount")
    bundle = loaded(bundle_name)
    policy = bundle.at(instant(at, bundle))
    found = _named(policy, name)
    begin = instant(start, bundle, "--from")
    terms = Terms("due", "asked", amount, unit, name, roll, (), policy.version)
    reckoned = reckon(begin, terms, found, until=begin)
    if reckoned.deadline is None:
        raise click.ClickException(
            f"no deadline: {reckoned.undetermined}; add the year to the calendar's file in a new "
            "version of the policy, as provisional where it is not published yet"
        )
    said = _told(found, policy, begin, reckoned, reckoned.deadline, terms)
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    _print_due(said)


def _told(
    calendar: WorkingCalendar,
    policy: Policy,
    start: datetime,
    reckoned: Reckoning,
    deadline: datetime,
    terms: Terms,
) -> dict[str, Any]:
    assert terms.amount is not None
    assert terms.unit is not None
    return {
        "calendar": calendar.name,
        "calendar_version": calendar.version,
        "policy": policy.version,
        "zone": calendar.zone.key,
        "from": start.astimezone(calendar.zone).isoformat(),
        "amount": terms.amount,
        "unit": terms.unit,
        "roll": terms.roll,
        "due": deadline.astimezone(calendar.zone).isoformat(),
        "provisional": reckoned.provisional,
        "days": [
            {
                **day_told(each.day),
                "number": each.number,
                "counts": each.number is not None
                or (terms.unit in ("minutes", "hours") and each.time > timedelta(0)),
                "working_seconds": each.time.total_seconds(),
            }
            for each in counted(calendar, start, deadline, terms.amount, terms.unit)
        ],
    }


def _print_due(said: Mapping[str, Any]) -> None:
    by_days = said["unit"].endswith("days")
    click.echo(
        f"{said['amount']} {said['unit'].replace('_', ' ')} from {said['from']}: due {said['due']} "
        f"({said['calendar_version']}, {said['zone']})"
    )
    shown = table("", "day", "", "counts", "kind", "hours", "")
    for each in said["days"]:
        time = duration_words(timedelta(seconds=each["working_seconds"])).en
        counts = (each["number"] and f"{each['number']}.") if by_days else each["counts"] and time
        style = None if each["counts"] else "dim"
        shown.add_row(
            each["date"],
            each["weekday"],
            counts or "-",
            each["kind"].replace("_", "-") + (" (provisional)" if each["provisional"] else ""),
            " ".join(each["hours"]),
            escape(_both(each["name"])),
            style=style,
        )
    Console().print(shown)
    if said["provisional"]:
        click.echo("Days in between are not published yet: the deadline may move.")
