"""After a close the citizen is asked: when, how often, by what, and what follows (R33–R38)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StrictBool, model_validator

from policy import files
from policy.calendars import CalendarUnknown, Span, WorkingCalendar
from policy.categories import CategoryTree
from policy.files import FileModel
from policy.repeat import RequestType
from policy.sourced import Sourced

Way = Literal["phone", "sms", "wechat", "app", "mini_program", "email", "web"]
"""By what somebody can be asked; named as ``Channel`` of the contract."""
FollowUp = Literal["review", "reopen", "none"]

_DAYS_REMEMBERED = 4_000
"""Days whose openings are remembered: a year of work and a long replay; a limit on everything."""


def _clock(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError:
        raise ValueError("write the time of day as HH:MM") from None
    return text


ClockTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$"), AfterValidator(_clock)]
Days = Annotated[int, Field(strict=True, ge=0, le=366)]
Hours = Annotated[int, Field(strict=True, ge=1, le=720)]
Minutes = Annotated[int, Field(strict=True, ge=0, le=10_080)]
Few = Annotated[int, Field(strict=True, ge=1, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
SlotName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class SlotFile(FileModel):
    """A part of the calling day."""

    slot: SlotName
    opens: ClockTime
    closes: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> "SlotFile":
        if self.opens >= self.closes:
            raise ValueError("closes before it opens; a slot lies within one day")
        return self


class PopulationFile(FileModel):
    """What is known of everybody there: of so many tries so many reached somebody."""

    slot: SlotName
    channel: Way
    reached: Share


class WindowFile(FileModel):
    """Hours of the day in which the problem shows; may pass midnight."""

    opens: ClockTime
    closes: ClockTime


class RecheckFile(FileModel):
    checks: Annotated[int, Field(strict=True, ge=2, le=5)]
    again_after_days: Annotated[int, Field(strict=True, ge=1, le=90)]
    risk_window: WindowFile


class IntermittentFile(Sourced[RecheckFile]):
    """A leaf or branch whose problems come and go (R35)."""

    leaf: Annotated[str, Field(min_length=1)]


def _slots(slots: tuple[SlotFile, ...]) -> tuple[SlotFile, ...]:
    for before, after in pairwise(slots):
        if after.opens < before.closes:
            raise ValueError(f"{after.slot} begins before {before.slot} ends; put them in order")
    if len({each.slot for each in slots}) < len(slots):
        raise ValueError("a name stands twice; give each slot one of its own")
    return slots


class CallbackFile(FileModel):
    """Section ``callback`` of a rules file."""

    calendar: Sourced[Annotated[str, Field(min_length=1)]]
    after_days: Sourced[Days]
    slots: Sourced[
        Annotated[tuple[SlotFile, ...], Field(min_length=1, max_length=12), AfterValidator(_slots)]
    ]
    least_minutes: Sourced[Minutes]
    spread_minutes: Sourced[Minutes]
    channel: Sourced[Way]
    then: Sourced[tuple[Way, ...]]
    ways: Sourced[Annotated[tuple[Way, ...], Field(min_length=1)]]
    attempts: Sourced[Few]
    over_days: Sourced[Few]
    gap_minutes: Sourced[Minutes]
    same_try_minutes: Sourced[Minutes]
    wait_hours: Sourced[Hours]
    words_within_hours: Sourced[Hours]
    not_tried_at_most: Sourced[Few]
    useless_outcomes: Sourced[tuple[str, ...]]
    dissatisfied_at_most: Sourced[Annotated[int, Field(strict=True, ge=0, le=5)]]
    dissatisfied: Sourced[FollowUp]
    reopen_rounds: Sourced[Annotated[int, Field(strict=True, ge=0, le=100)]]
    command_within_hours: Sourced[Hours]
    intermittent: tuple[IntermittentFile, ...] = ()
    asked_without_reply_wanted: Sourced[StrictBool]
    request_types_not_asked: Sourced[tuple[RequestType, ...]]
    too_late_days: Sourced[Days]
    tally_months: Sourced[Annotated[int, Field(strict=True, ge=1, le=60)]]
    prior_strength: Sourced[Annotated[float, Field(gt=0, le=1_000)]]
    better_by: Sourced[Share]
    population: Sourced[Annotated[tuple[PopulationFile, ...], Field(min_length=1)]]
    keep_days: Sourced[Days]
    keep_open_days: Sourced[Annotated[int, Field(strict=True, ge=1, le=3_660)]]

    @model_validator(mode="after")
    def _fits(self) -> "CallbackFile":
        slots = {each.slot for each in self.slots.value}
        for row in self.population.value:
            if row.slot not in slots:
                raise ValueError(f"population names the slot {row.slot!r}, which is not in slots")
        known = {(row.slot, row.channel) for row in self.population.value}
        for slot in self.slots.value:
            for way in (self.channel.value, *self.then.value):
                if (slot.slot, way) not in known:
                    raise ValueError(f"population lacks {slot.slot} {way}; add it")
        if self.gap_minutes.value < self.same_try_minutes.value:
            raise ValueError("gap_minutes is below same_try_minutes: two tries would be one")
        for way in (self.channel.value, *self.then.value):
            if way not in self.ways.value:
                raise ValueError(f"{way} is not in ways; add it there")
        return self


@dataclass(frozen=True, slots=True)
class Opening:
    """A slot of one day, as far as the calendar lets it be used. Instants."""

    slot: str
    opens: datetime
    closes: datetime
    usable: timedelta
    """From ``opens`` to the last instant at which a try may begin."""

    @property
    def last(self) -> datetime:
        return self.opens + self.usable


@dataclass(frozen=True, slots=True)
class Intermittent:
    """Problems that come and go (R35)."""

    leaf: str
    checks: int
    again_after: timedelta
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """When and how often the citizen is asked."""

    calendar: str
    """Name of the calendar of calling hours."""
    after: timedelta
    """From the close to the callback (ruling 5)."""
    slots: tuple[tuple[str, Span], ...]
    """Parts of the calling day, in order, each from and to so many minutes after midnight."""
    least: timedelta
    """What must be left of a slot when a try begins in it."""
    spread: timedelta
    """Calling time over which tasks that are due together are spread."""
    channel: str
    """By what the citizen is asked first."""
    then: tuple[str, ...]
    """The other channels, in order (R36)."""
    ways: frozenset[str]
    """By what the platform can ask at all."""
    attempts: int
    """Calls at most, before another channel."""
    over_days: int
    """Calling days over which they may stretch."""
    gap: timedelta
    """Between a try and the next at least."""
    same_try: timedelta
    """Reports of a try so near to each other are of one try."""
    wait: timedelta
    """For an answer to a message."""
    words_within: timedelta
    """From a call that was taken to what the citizen said in it."""
    not_tried_at_most: int
    """How often a slot may pass in which nobody tried."""
    useless_outcomes: frozenset[str]
    """After these another call is no use."""
    dissatisfied_at_most: int
    dissatisfied: FollowUp
    """What follows from «resolved, but dissatisfied» (ruling 14)."""
    reopen_rounds: int
    """Reopen commands of one ticket at most; then an arbiter."""
    command_within: timedelta
    """For the platform's answer to a reopen command."""
    intermittent: tuple[Intermittent, ...]
    asked_without_reply_wanted: bool
    request_types_not_asked: frozenset[str]
    too_late: timedelta
    """A close known so long after its callback was due is not asked about."""
    tally_months: int
    prior_strength: float
    """How many tries of the citizen's own weigh as much as the population."""
    better_by: float
    """By how much another slot must be better before the first try waits for it."""
    population: Mapping[tuple[str, str], float]
    """(slot, channel) to the share of tries that reach somebody."""
    keep: timedelta
    """After the last word on a ticket that is closed."""
    keep_open: timedelta
    """After the last event of a ticket that is not."""
    sources: Mapping[str, str]
    hours: WorkingCalendar = field(repr=False)
    """The calendar of calling hours."""
    categories: CategoryTree = field(repr=False)
    _openings: dict[date, tuple[Opening, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @staticmethod
    def of(
        file: CallbackFile, categories: CategoryTree, calendars: Mapping[str, WorkingCalendar]
    ) -> "CallbackPolicy":
        """The policy in a validated file."""
        hours = calendars[file.calendar.value]
        return CallbackPolicy(
            calendar=file.calendar.value,
            after=timedelta(days=file.after_days.value),
            slots=tuple(
                (each.slot, Span.of(f"{each.opens}-{each.closes}")) for each in file.slots.value
            ),
            least=timedelta(minutes=file.least_minutes.value),
            spread=timedelta(minutes=file.spread_minutes.value),
            channel=file.channel.value,
            then=file.then.value,
            ways=frozenset(file.ways.value),
            attempts=file.attempts.value,
            over_days=file.over_days.value,
            gap=timedelta(minutes=file.gap_minutes.value),
            same_try=timedelta(minutes=file.same_try_minutes.value),
            wait=timedelta(hours=file.wait_hours.value),
            words_within=timedelta(hours=file.words_within_hours.value),
            not_tried_at_most=file.not_tried_at_most.value,
            useless_outcomes=frozenset(file.useless_outcomes.value),
            dissatisfied_at_most=file.dissatisfied_at_most.value,
            dissatisfied=file.dissatisfied.value,
            reopen_rounds=file.reopen_rounds.value,
            command_within=timedelta(hours=file.command_within_hours.value),
            intermittent=tuple(
                Intermittent(
                    leaf=each.leaf,
                    checks=each.value.checks,
                    again_after=timedelta(days=each.value.again_after_days),
                    opens=time.fromisoformat(each.value.risk_window.opens),
                    closes=time.fromisoformat(each.value.risk_window.closes),
                )
                for each in file.intermittent
            ),
            asked_without_reply_wanted=file.asked_without_reply_wanted.value,
            request_types_not_asked=frozenset(file.request_types_not_asked.value),
            too_late=timedelta(days=file.too_late_days.value),
            tally_months=file.tally_months.value,
            prior_strength=file.prior_strength.value,
            better_by=file.better_by.value,
            population={(row.slot, row.channel): row.reached for row in file.population.value},
            keep=timedelta(days=file.keep_days.value),
            keep_open=timedelta(days=file.keep_open_days.value),
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
            hours=hours,
            categories=categories,
        )

    @property
    def time_zone(self) -> ZoneInfo:
        """Of the calling hours: the slots are local times in it."""
        return self.hours.zone

    def slot_at(self, instant: datetime) -> str | None:
        """The part of the calling day that an instant lies in, by the clock alone."""
        local = instant.astimezone(self.time_zone)
        minute = local.hour * 60 + local.minute
        for name, span in self.slots:
            if span.start <= minute < span.end:
                return name
        return None

    def openings(self, day: date) -> tuple[Opening, ...]:
        """The slots of a day in which somebody may be called, in order; () on a day off.

        Beyond the years that the calendar knows: the slots of every day. They lie within the
        calling hours all the same; only a day off may not be known as one (``knows``).
        """
        found = self._openings.get(day)
        if found is None:
            found = self._opened(day)
            if len(self._openings) >= _DAYS_REMEMBERED:
                self._openings.clear()
            self._openings[day] = found
        return found

    def knows(self, instant: datetime) -> bool:
        """Whether the calendar of calling hours covers that instant."""
        return self.hours.covers(instant)

    def _opened(self, day: date) -> tuple[Opening, ...]:
        try:
            spans = self.hours.day(day).spans
        except CalendarUnknown:
            spans = tuple(span for _, span in self.slots)
        midnight = datetime.combine(day, time())
        found = []
        for name, slot in self.slots:
            for span in spans:
                opens, closes = max(slot.start, span.start), min(slot.end, span.end)
                if opens >= closes:
                    continue
                start, end = (
                    (midnight + timedelta(minutes=each))
                    .replace(tzinfo=self.time_zone)
                    .astimezone(UTC)
                    for each in (opens, closes)
                )
                if end - start > self.least:
                    found.append(Opening(name, start, end, end - start - self.least))
        return tuple(found)

    def intermittent_of(self, leaf: str | None) -> Intermittent | None:
        """What the policy says of a leaf whose problems come and go (R35): the deepest branch."""
        if leaf is None or not self.intermittent:
            return None
        for code in self.categories.lineage(leaf):
            for each in self.intermittent:
                if each.leaf == code:
                    return each
        return None


def check(
    path: Path, file: CallbackFile, tree: CategoryTree, calendars: Mapping[str, WorkingCalendar]
) -> None:
    """Whether everything that the section names exists, and each slot has hours in some week.

    Raises:
        PolicyError: about the first that does not.
    """
    name = file.calendar.value
    if name not in calendars:
        known = ", ".join(sorted(calendars))
        raise files.fail(
            path, ("callback", "calendar", "value"), name, f"no such calendar; known are {known}"
        )
    policy = CallbackPolicy.of(file, tree, calendars)
    year = max(policy.hours.years[0], 2)
    week = (date(year, 6, 1) + timedelta(days=each) for each in range(14))
    open_ = {opening.slot for day in week for opening in policy.openings(day)}
    for index, (slot, _) in enumerate(policy.slots):
        if slot not in open_:
            raise files.fail(
                path,
                ("callback", "slots", "value", index),
                slot,
                f"has no hours in calendar {name!r} that are longer than least_minutes;"
                " correct the slot or the calendar",
            )
    for index, each in enumerate(file.intermittent):
        if tree.node(each.leaf) is None:
            raise files.fail(
                path,
                ("callback", "intermittent", index, "leaf"),
                each.leaf,
                f"is in no branch of the category tree {tree.version}; name a code of it",
            )
