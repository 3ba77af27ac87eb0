"""Which times a ticket has, and what a rules file may not say of them (R25, requirements.md §3)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.bundle import SHIPPED, Policy, load
from policy.errors import PolicyError
from policy.sla import SlaPolicy

RULES = "rules/2026-01.yaml"
CN, US, UK = (load(name).versions[-1].policy for name in ("cn-12345", "us-311", "uk-council"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED / "cn-12345", tmp_path / "our-city"))


def change(folder: Path, old: str, new: str) -> Path:
    path = folder / RULES
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def found(
    policy: Policy, target: str, leaf: str | None, urgency: str = "normal", kind: str = "complaint"
) -> tuple[str | None, int | None]:
    rule, level = policy.sla.rule(target, leaf, urgency, kind, "phone")
    if rule is None:
        return None, level
    return f"{rule.amount} {rule.unit} {rule.calendar or 'unit'}{' roll' * rule.roll}", level


NUMBERS = [
    # policy, leaf, urgency, target, what, level
    (CN, "utilities.gas.leak", "normal", "accept", "15 minutes cn-24x7", 1),
    (CN, "city.facilities.manhole", "very_urgent", "accept", "15 minutes cn-24x7", 1),
    (CN, "utilities.heating.cold", "normal", "accept", "30 minutes cn-24x7", 2),
    (CN, "utilities.telecom.signal", "normal", "accept", "1 working_days unit", 2),
    (CN, "city.facilities.manhole", "urgent", "accept", "1 working_days unit", 3),
    (CN, None, "normal", "accept", "1 working_days unit", 3),
    (CN, "labour.wages.arrears", "normal", "return", "2 working_days unit", 4),
    (CN, "city.sanitation.public_toilet", "normal", "return", "1 working_days unit", 3),
    (CN, "labour.wages.arrears", "normal", "first_contact", "1 working_days unit", 4),
    (CN, "labour.wages.arrears", "very_urgent", "resolve", "2 hours cn-24x7", 1),
    (CN, "utilities.water.outage", "normal", "resolve", "24 hours cn-24x7", 2),
    (CN, "housing.property.leak", "normal", "resolve", "7 calendar_days cn-workdays roll", 3),
    (
        CN,
        "housing.demolition.compensation",
        "normal",
        "resolve",
        "15 calendar_days cn-workdays roll",
        4,
    ),
    (
        CN,
        "housing.demolition.compensation",
        "normal",
        "department",
        "15 calendar_days unit roll",
        4,
    ),
    (CN, "a.leaf.of.the.platform", "normal", "resolve", "7 calendar_days cn-workdays roll", 3),
    (
        CN,
        "labour.a.leaf.of.the.platform",
        "normal",
        "resolve",
        "15 calendar_days cn-workdays roll",
        4,
    ),
    (CN, "social.insurance.medical", "normal", "resolve", "7 calendar_days cn-workdays roll", 3),
    (CN, None, "normal", "supervision", None, 3),
    (US, "request-for-pothole-repair", "normal", "resolve", "7 calendar_days us-24x7", 3),
    (US, "graffiti-removal", "normal", "resolve", "15 calendar_days us-24x7", 3),
    (US, "carbon-monoxide", "normal", "resolve", "24 hours us-24x7", 1),
    (UK, "roads.pothole", "normal", "first_contact", "5 working_days unit", 3),
    (UK, "roads.pothole", "normal", "resolve", "10 working_days uk-england", 3),
    (UK, "planning.application", "normal", "reply", "10 working_days uk-england", 3),
]


@pytest.mark.parametrize(("policy", "leaf", "urgency", "target", "what", "level"), NUMBERS)
def test_R25_the_numbers_of_requirements_section_3(
    policy: Policy, leaf: str | None, urgency: str, target: str, what: str | None, level: int
) -> None:
    assert found(policy, target, leaf, urgency) == (what, level)


@pytest.mark.parametrize("policy", [CN, US, UK])
def test_section_3_numbers_that_are_no_clock(policy: Policy) -> None:
    sla = policy.sla
    assert sla.arbitration_after == 3
    assert sla.late_recording.total_seconds() == 24 * 3600
    assert (sla.extension_asked_before_due, sla.lead_moves_citizen) == (True, True)
    assert (sla.reply_in_force, sla.new_version_targets) == ("approved", "keep")
    assert {target: sla.warnings[target] for target in ("resolve", "interim", "return")} == {
        "resolve": (75, 90),
        "interim": (),
        "return": (),
    }


def test_every_row_can_say_where_its_number_is_from() -> None:
    for policy in (CN, US, UK):
        for rows in policy.sla.rules.values():
            for row in rows:
                assert policy.sla.sources[row.name] == row.source
    assert CN.sla.sources["resolve.normal"].startswith("PRESS: Beijing")
    assert CN.sla.sources["extension.asked_before_due"].startswith("LAW: ")


@pytest.mark.parametrize(
    ("use", "kind", "what"),
    [
        ("guangdong", "consultation", "2 working_days cn-workdays"),
        ("guangdong", "help", "10 working_days cn-workdays"),
        ("guangdong", "suggestion", "10 working_days cn-workdays"),
        ("guangdong", "report", "15 working_days cn-workdays"),
        ("guangdong", "complaint", "15 working_days cn-workdays"),
        ("shandong", "consultation", "5 working_days cn-workdays"),
    ],
)
def test_section_3_alternatives_are_one_word_away(
    folder: Path, use: str, kind: str, what: str
) -> None:
    change(folder, "  use:\n    value: null", f"  use:\n    value: {use}")
    policy = load(folder).versions[-1].policy
    leaf = "labour.wages.arrears"
    assert found(policy, "resolve", leaf, kind=kind) == (what, 4)
    assert found(policy, "reply", leaf, kind=kind) == (what, 4)
    assert found(policy, "department", leaf, kind=kind)[0] == what.replace("cn-workdays", "unit")
    assert found(policy, "accept", leaf, kind=kind)[0] == "1 working_days unit"
    rule, _ = policy.sla.rule("resolve", leaf, None, kind, None)
    assert rule is not None
    assert rule.name.startswith(f"resolve.{use}")
    assert policy.version != CN.version


@pytest.mark.parametrize(
    ("code", "paused"),
    [
        ("awaiting-user-info", {"first_contact", "interim", "resolve", "reply", "department"}),
        ("awaiting-citizen", {"first_contact", "interim", "resolve", "reply", "department"}),
        ("awaiting-evidence", {"resolve", "reply", "department"}),
        ("awaiting-problem", {"department"}),
        ("awaiting-vendor", set()),
        ("another", {"resolve", "reply", "department"}),
        (None, {"resolve", "reply", "department"}),
    ],
)
def test_ruling_12_which_clocks_a_hold_pauses(code: str | None, paused: set[str]) -> None:
    assert CN.sla.pauses(code) == US.sla.pauses(code) == UK.sla.pauses(code) == paused


def test_leaves_from_publishers_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.sla._FOUND_AT_MOST", 3)
    sla: SlaPolicy = load("uk-council").versions[-1].policy.sla
    levels = {sla.level(f"x{number}", "very_urgent", None, None) for number in range(10)}
    assert levels == {1}
    assert len(sla._found) == 3


FIRST_RESOLVE = "      rules: &resolve\n"
ROW = (
    "        - name: {name}\n          when: {when}\n"
    "          value: {{amount: 1, unit: hours, calendar: cn-24x7}}\n          source: 'OURS: x'\n"
)


def row(when: str, name: str = "extra") -> Callable[[str], tuple[str, str]]:
    return lambda before: (before, before + ROW.format(name=name, when=when))


WRONG: list[tuple[str, str, str, str, str]] = [
    # text, its replacement, key, value, what to do
    (
        *row("{leaf: [city.zoo]}")(FIRST_RESOLVE),
        "sla.targets.resolve.rules.0.when.leaf",
        "'city.zoo'",
        "no branch of the category tree 2025",
    ),
    (
        "leaf: [utilities]",
        "leaf: [utility]",
        "sla.levels.2.when.leaf",
        "'utility'",
        "no branch of the category tree 2025",
    ),
    (
        "amount: 2, unit: hours, calendar: cn-24x7",
        "amount: 2, unit: hours, calendar: cn-nights",
        "sla.targets.resolve.rules.0.value.calendar",
        "'cn-nights'",
        "no calendar of this version",
    ),
    (
        'amount: 5, unit: working_days, calendar: cn-workdays}\n          source: "SEED',
        'amount: 0, unit: working_days, calendar: cn-workdays}\n          source: "SEED',
        "sla.targets.interim.rules.0.value.amount",
        "0",
        "greater than or equal to 1",
    ),
    (
        "amount: 7, unit: calendar_days",
        "amount: 401, unit: calendar_days",
        "sla.targets.resolve.rules.3.value",
        "401",
        "more than 400",
    ),
    (
        "amount: 24, unit: hours, calendar: cn-24x7",
        "amount: 24, unit: hours, calendar: cn-24x7, roll: true",
        "sla.targets.resolve.rules.1.value",
        "'roll': True",
        "roll moves calendar_days",
    ),
    (
        "unit: hours, cal",
        "unit: weeks, cal",
        "sla.targets.resolve.rules.0.value.unit",
        "'weeks'",
        "'hours'",
    ),
    ("value: [75, 90]", "value: [90, 75]", "sla.targets.accept", "", "do not rise"),
    ("value: [75, 90]", "value: [75, 75]", "sla.targets.accept", "", "do not rise"),
    (
        "value: [75, 90]",
        "value: [75, 100]",
        "sla.targets.accept.warnings.value.1",
        "100",
        "less than",
    ),
    (
        "    first_contact:",
        "    contact:",
        "sla.targets.contact.[key]",
        "'contact'",
        "'first_contact'",
    ),
    (
        "pauses: [department]}",
        "pauses: [departments]}",
        "sla.holds.rows.2.value.pauses.0",
        "'departments'",
        "'department'",
    ),
    (
        "codes: [awaiting-vendor]",
        "codes: [awaiting-vendor, weather]",
        "sla.holds.rows.3.codes",
        "'weather'",
        "stands in outside already",
    ),
    (
        "- name: utilities\n          when: {leaf: [utilities.water",
        "- name: danger\n          when: {leaf: [utilities.water",
        "sla.targets.accept.rules.1.name",
        "'danger'",
        "stands twice",
    ),
    (
        *row("{}")(FIRST_RESOLVE),
        "sla.targets.resolve.rules.1",
        "'danger'",
        "can never fit, for extra before it",
    ),
    (
        "      when: {leaf: [utilities.gas.leak, utilities.power.hazard]}\n",
        "",
        "sla.levels.2",
        "'utilities'",
        "can never fit, for danger-by-leaf before it",
    ),
    (
        "when: {request_type: [help, suggestion]}",
        "when: {request_type: [consultation], leaf: [labour]}",
        "sla.targets.resolve.alternatives.guangdong.1",
        "'guangdong-help'",
        "can never fit",
    ),
    (
        "    - name: normal\n      value: 3",
        "    - name: normal\n      when: {urgency: [normal]}\n      value: 3",
        "sla.levels.4.when",
        "'normal'",
        "does not take all",
    ),
    (
        "- name: danger\n      when: {urgency: [very_urgent]}",
        "- name: danger\n      when: {level: [2]}",
        "sla.levels.0",
        "",
        "asks for the level that it is to give",
    ),
    (
        *row("{level: [7]}")(FIRST_RESOLVE),
        "sla.targets.resolve.rules.0.when.level",
        "7",
        "given by no row of sla.levels",
    ),
    (
        "  use:\n    value: null",
        "  use:\n    value: hunan",
        "sla.use.value",
        "'hunan'",
        "guangdong, shandong",
    ),
    (
        "value: {targets: keep}",
        "value: {targets: drop}",
        "sla.on_new_version.value.targets",
        "'drop'",
        "'keep'",
    ),
    ("  arbitration_after:", "  arbitrate_after:", "sla.arbitration_after", "(nothing)", "add it"),
]


@pytest.mark.parametrize(("old", "new", "key", "value", "problem"), WRONG)
def test_a_wrong_section_is_refused_with_file_line_key_and_what_to_do(
    folder: Path, old: str, new: str, key: str, value: str, problem: str
) -> None:
    path = change(folder, old, new)
    with pytest.raises(PolicyError) as caught:
        load(folder)
    error = caught.value
    assert (error.file, error.key) == (path, key)
    assert problem in error.problem
    assert value in str(error)
    assert error.line is not None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("{leaf: [labour.wages]}", "{leaf: [labour]}"),
        ("{leaf: [labour], urgency: [urgent]}", "{leaf: [labour]}"),
        ("{leaf: [labour.wages, rural]}", "{leaf: [labour.wages, city]}"),
        ("{channel: [web]}", "{channel: [web, phone]}"),
    ],
)
def test_a_row_that_an_earlier_one_takes_only_in_part_is_no_error(
    folder: Path, earlier: str, later: str
) -> None:
    rows = ROW.format(name="one", when=earlier) + ROW.format(name="two", when=later)
    change(folder, FIRST_RESOLVE, FIRST_RESOLVE + rows)
    names = [each.name for each in load(folder).versions[0].policy.sla.rules["resolve"]]
    assert names[:2] == ["resolve.one", "resolve.two"]
