"""Which deadline, by which rule and version, which days counted, and why it moved (R25). Pure.

Everything but the days stands in the facts; the days are those of the calendar that the fact names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from cli.explaining import words
from cli.explaining.material import Document
from cli.explaining.speaker import Speaker, alike, join
from cli.explaining.words import Words
from policy.bundle import Bundle, Policy
from policy.calendars import Day, WorkingCalendar
from policy.errors import PolicyError
from rules.clocks.words import BASIS_WORDS, CAUSE_WORDS, TARGET_WORDS, amount_words

IN_DAYS: Final = frozenset({"working_days", "calendar_days"})


@dataclass(frozen=True, slots=True)
class Days:
    """Days in a row that count, or do not count, for the same reason."""

    first: date
    last: date
    counted: bool
    why: Words

    @property
    def said(self) -> str:
        if self.first == self.last:
            return f"{self.first} {self.first:%a}"
        return f"{self.first} {self.first:%a} – {self.last} {self.last:%a}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One fact of a clock or of a callback task."""

    at: datetime | None
    kind: str
    said: Words
    """What it is, in a word."""
    why: Words
    cause: Words
    due: datetime | None
    moved_from: datetime | None
    policy: str
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of the ticket, from its start."""

    id: str
    title: Words
    rule: Words
    """Amount, calendar, basis; by which version."""
    whose: str
    """Unit; empty: the citizen's."""
    statements: tuple[Statement, ...]
    held: Words
    """How much working time pauses took out."""
    days: tuple[Days, ...]
    """From the day of the start to that of the last deadline that was stated."""


@dataclass(frozen=True, slots=True)
class Task:
    """One callback task."""

    id: str
    round: int
    statements: tuple[Statement, ...]


def clocks_of(facts: Sequence[Document], speaker: Speaker) -> tuple[Clock, ...]:
    """The clocks, in the order in which they began; ``arbitration_required`` stands alone."""
    found: dict[str, list[Document]] = {}
    for fact in facts:
        found.setdefault(fact["data"].get("clock", ""), []).append(fact)
    return tuple(_clock(id_, mine, speaker) for id_, mine in found.items())


def tasks_of(facts: Sequence[Document], speaker: Speaker) -> tuple[Task, ...]:
    """The callback tasks, one per close."""
    found: dict[str, list[Document]] = {}
    for fact in facts:
        found.setdefault(fact["data"]["task"], []).append(fact)
    return tuple(
        Task(id_, mine[-1]["data"]["round"], tuple(_statement(each, speaker) for each in mine))
        for id_, mine in found.items()
    )


def _clock(id_: str, facts: Sequence[Document], speaker: Speaker) -> Clock:
    statements = tuple(_statement(each, speaker) for each in facts)
    last = facts[-1]["data"]
    if "terms" not in last:
        return Clock(id_, words.ARBITRATION, words.NOTHING, "", statements, words.NOTHING, ())
    target = TARGET_WORDS.get(last["target"])
    title = alike(last["target"]) if target is None else Words(target.en, target.zh)
    return Clock(
        id=id_,
        title=title,
        rule=_rule(last),
        whose=last.get("department") or "",
        statements=statements,
        held=next((said for f in reversed(facts) if (said := _held(f["data"]))), words.NOTHING),
        days=_days(facts, speaker),
    )


def _rule(data: Mapping[str, Any]) -> Words:
    terms = data["terms"]
    basis = BASIS_WORDS.get(data["basis"])
    by = alike(data["basis"]) if basis is None else Words(basis.en, basis.zh)
    versions = f"{terms['calendar_version']}, {terms['policy_version']}"
    if data["basis"] != "policy" or terms.get("amount") is None:
        return Words(f"{by.en} ({versions})", f"{by.zh}（{versions}）")
    of = f"{terms['rule']}, {versions}"
    amount = amount_words(terms["amount"], terms["unit"])
    return Words(f"{amount.en}, {by.en} ({of})", f"{amount.zh}，{by.zh}（{of}）")


def _statement(fact: Document, speaker: Speaker) -> Statement:
    data = fact["data"]
    kind = fact["type"].split(".")[2]
    said = words.STATED.get(kind, alike(kind))
    if kind == "warning":
        said = Words(f"{said.en} {data['percent']} %", f"{said.zh} {data['percent']} %")
    if data.get("late"):
        said = Words(f"{said.en}, late", f"{said.zh}（逾期）")
    cause = data.get("cause", "")
    due = speaker.local(data.get("deadline") or data.get("due_at"))
    moved_from = speaker.local(data.get("previous_deadline"))
    return Statement(
        at=speaker.local(fact.get("time")),
        kind=kind,
        said=said,
        why=Words(data["reason_en"], data["reason_zh"]),
        cause=_cause(cause) if cause else words.NOTHING,
        due=due,
        moved_from=None if moved_from == due else moved_from,
        policy=fact.get("policyversion") or "",
        fact=fact,
    )


def _cause(slug: str) -> Words:
    said = CAUSE_WORDS.get(slug)
    return words.CAUSES.get(slug, alike(slug)) if said is None else Words(said.en, said.zh)


def _held(data: Mapping[str, Any]) -> Words:
    minutes = data.get("paused_minutes")
    if not minutes:
        return words.NOTHING
    hours, rest = divmod(round(minutes), 60)
    return Words(
        f"pauses took out {hours} h {rest} min of working time",
        f"挂起已扣除 {hours} 小时 {rest} 分钟工作时间",
    )


def _days(facts: Sequence[Document], speaker: Speaker) -> tuple[Days, ...]:
    """None where the calendar has no days off, or where this bundle does not have it."""
    due = next((d for f in reversed(facts) if (d := f["data"].get("deadline"))), None)
    last = facts[-1]["data"]
    calendar = calendar_of(last["terms"], speaker.bundle, facts[-1])
    if due is None or calendar is None or calendar.continuous:
        return ()
    start = datetime.fromisoformat(last["started_at"]).astimezone(calendar.zone).date()
    end = datetime.fromisoformat(due).astimezone(calendar.zone).date()
    if end < start or not _knows(calendar, start, end):
        return ()
    unit = last["terms"].get("unit")
    whole = unit in IN_DAYS and last["basis"] == "policy"
    named = [
        (day.date, *_counts(day, start if whole else None, unit == "calendar_days" and whole))
        for day in calendar.days(start, end)
    ]
    found = []
    for (counted, why), days in groupby(named, key=lambda each: each[1:]):
        dates = [each[0] for each in days]
        found.append(Days(dates[0], dates[-1], counted, why))
    return tuple(found)


def _knows(calendar: WorkingCalendar, first: date, last: date) -> bool:
    noon = timedelta(hours=12)
    return all(
        calendar.covers(datetime(each.year, each.month, each.day, tzinfo=calendar.zone) + noon)
        for each in (first, last)
    )


def _counts(day: Day, start: date | None, natural: bool) -> tuple[bool, Words]:
    if start is not None and day.date == start:
        return False, words.DAY_OF_START
    kind = words.DAY_KINDS.get(str(day.kind), alike(str(day.kind)))
    parts = [kind]
    if day.name_en or day.name_zh:
        parts.append(Words(day.name_en or day.name_zh, day.name_zh or day.name_en))
    if day.provisional:
        parts.append(words.PROVISIONAL)
    return day.works or natural, join(parts)


def calendar_of(
    terms: Mapping[str, Any], bundle: Bundle, fact: Mapping[str, Any]
) -> WorkingCalendar | None:
    """The calendar that a fact counted by: of the version that was in force when it was stated."""
    policy = _policy_of(fact, bundle)
    try:
        return policy.calendars[terms["calendar"]]
    except PolicyError:
        return None


def _policy_of(fact: Mapping[str, Any], bundle: Bundle) -> Policy:
    named = fact.get("policyversion")
    for version in bundle.versions:
        if version.policy.version == named:
            return version.policy
    return bundle.at(datetime.fromisoformat(fact["time"]))
