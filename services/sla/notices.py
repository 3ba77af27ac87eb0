"""What the citizen is told of a ticket after its receipt (R2, R4, R9).

One event is one notice at most, whatever it moves: a result, else a step of the ticket, else a
deadline that moved; and where a cycle of news was missed and nothing else is told, where it stands.
What was told is not told again. Whoever cannot or does not want to be told hears nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any, Final, NamedTuple

import orjson
from msgspec import Struct
from msgspec.structs import replace

from policy.bundle import Policy
from policy.notices import Words
from rules import telling
from rules.asked import Asked, is_too_late, why_not
from rules.clocks.promised import at_receipt
from rules.telling import CHANGED, NO_NEWS, PROGRESSED, RESULT
from runtime.processor import Effect, Note
from schemas.events import (
    DispatchAccepted,
    ReplyRejected,
    ReplySubmitted,
    ReturnApproved,
    TicketAmended,
    TicketClosed,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketNotAccepted,
    TicketProgressed,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
)
from schemas.events.dispatches import DispatchRole
from schemas.events.replies import ReplySubmittedData
from schemas.events.tickets import ClockKind, TicketImportedData, TicketState
from schemas.ids import is_anonymous
from schemas.topics import NOTICES
from services.sla.facts import SERVICE, Occasion
from services.sla.fold import Case, Dispatch
from services.sla.state import State, Stated
from services.sla.told import Told, Unsent

FOLLOWED: Final = ("resolve", "reply", "first_contact")
"""Clocks whose deadlines the citizen is told when they are set or move; that of the next news only
where there was none."""
UNITS_KEPT: Final = 16
REPLIES_KEPT: Final = 8
INTERIM: Final = "interim"

_RANK: Final = {"dispatched": 1, "passed_on": 1, "accepted": 2, "replied": 3}
_ENDED: Final = frozenset(("closed", "withdrawn", "not_accepted"))
_IMPORTED: Final = {
    TicketState.RECEIVED: "received",
    TicketState.DISPATCHED: "dispatched",
    TicketState.ACCEPTED: "accepted",
    TicketState.RETURN_REQUESTED: "dispatched",
    TicketState.ON_HOLD: "accepted",
    TicketState.REPLIED: "replied",
    TicketState.CLOSE_REQUESTED: "replied",
    TicketState.CLOSED: "closed",
    TicketState.REOPENED: "reopened",
}
_WITHIN: Final = (
    *((60, "1m"), (600, "10m"), (3_600, "1h"), (14_400, "4h"), (86_400, "1d")),
    (float("inf"), "later"),
)


class Outcome(Struct, frozen=True):
    """What is told now."""

    told: Told
    effects: tuple[Effect, ...] = ()
    notes: tuple[Note, ...] = ()


class _Step(NamedTuple):
    """What an event means for the way of the ticket."""

    stage: str
    unit: str = ""
    """As the event or its dispatch names it; empty: nobody said."""
    words: str = ""
    told: bool = True
    """False: among units; it says where the ticket stands, no more."""
    called_back: bool = False
    """Of a close: whether the citizen will be asked about it (R33)."""


class _Result(NamedTuple):
    """A reply that came in force."""

    unit: str
    words: str
    since: datetime


def after(
    before: State, after: State, case: Case, occasion: Occasion, breached: Collection[str]
) -> Outcome:
    """The notices of an event or a timer.

    Args:
        before: the ticket's state before it.
        after: the same after it, its clocks as they are stated now; ``told`` is not set yet.
        case: as ``after.history`` tells it.
        breached: ids of the clocks of which a breach is stated on this occasion (``interim:3``).
    """
    event, policy = occasion.event, occasion.policy
    told = before.told
    if event is None and before.policy == after.policy and not any(map(_is_news, breached)):
        return Outcome(told)  # time alone brings nothing that is told but missing news
    if isinstance(event, TicketReceived | TicketImported):
        told = replace(told, reader=telling.received(told.reader, event.data, policy))
        if not told.known:
            return _first(told, event, before, after, case, occasion)
    elif isinstance(event, TicketAmended):
        told = replace(told, reader=telling.amended(told.reader, event.data, policy))
    told, step = _followed(told, _step(event, told, case, policy), policy)
    if isinstance(event, ReplyRejected) and told.stage == "replied":
        told = replace(told, stage="accepted")  # among units: not told, but so it stands
    told, results = _in_force(told, event, case, occasion)
    if not told.known or not told.reader.told:
        return Outcome(told)
    return _Telling(told, after, case, occasion).say(step, results, breached)


def _first(
    told: Told,
    event: TicketReceived | TicketImported,
    before: State,
    after: State,
    case: Case,
    occasion: Occasion,
) -> Outcome:
    """The first receipt: intake tells of it, and whoever had an import told of that."""
    told = replace(told, known=True)
    if isinstance(event, TicketImported):
        at, paused = _deadlines(after.clocks)
        stage, unit = _imported(event.data, occasion.policy)
        at_cut_over = replace(told, acknowledged=True, deadlines=at, paused=paused)
        return Outcome(replace(at_cut_over, stage=stage, unit=unit))
    told = replace(told, stage=told.stage or "received")
    if told.stage in _ENDED or not told.reader.told:
        return Outcome(told)
    at, paused = _deadlines(after.clocks)
    told = replace(told, acknowledged=True, revision=1)
    if not before.history.marks:
        return Outcome(replace(told, deadlines=at))
    # Something came before: what intake says of the receipt alone may not be all.
    received = after.history.received
    assert received is not None, "an event of the receipt makes its mark"
    said = at_receipt(
        received.content,
        received.at,
        occasion.policy,
        due_at=received.due,
        reply_owed=received.reply_wanted and not received.anonymous,
    )
    return _Telling(replace(told, deadlines=said), after, case, occasion).say(None, [], ())


# --- Where the ticket stands ----------------------------------------------------------------------


def _step(event: Any, told: Told, case: Case, policy: Policy) -> _Step | None:
    """The step that an event is; None where it is none."""
    match event:
        case TicketDispatched():
            data = event.data
            if data.role is DispatchRole.SUPPORTING:
                return None
            passed_on = data.parent_dispatch_id is not None
            return _Step("passed_on" if passed_on else "dispatched", data.department or "")
        case TicketDesignated():
            return _Step("dispatched", event.data.department)
        case DispatchAccepted() | ReplySubmitted() | ReturnApproved():
            return _of_dispatch(event, told, case, policy)
        case TicketProgressed():
            meant = case.meant(event.data.dispatch_id, event.data.department)
            return _Step(
                "progressed", _unit(event.data, meant, told), (event.data.text or "").strip()
            )
        case TicketReopened():
            return _Step("reopened", event.data.department or "")
        case TicketClosed():
            return _Step("closed", told.unit, called_back=not case.open)
        case TicketNotAccepted():
            said = (event.data.clause, event.data.reason)
            return _Step("not_accepted", words=" ".join(each for each in said if each))
        case TicketWithdrawn():
            return _Step("withdrawn")
    return None


def _of_dispatch(event: Any, told: Told, case: Case, policy: Policy) -> _Step | None:
    """What a unit says. Of one that only supports nothing; of one that the leading unit passed it
    on to, what the policy tells of such units at all."""
    data = event.data
    dispatch = case.meant(data.dispatch_id, data.department)
    if dispatch is not None and not dispatch.leads:
        return None
    stage = {DispatchAccepted: "accepted", ReplySubmitted: "replied"}.get(type(event), "returned")
    below = dispatch is not None and dispatch.parent is not None
    shown = not below or "passed_on" in policy.notices.stages
    return _Step(stage, _unit(data, dispatch, told), told=shown)


def _unit(data: Any, dispatch: Dispatch | None, told: Told) -> str:
    named = data.department or (dispatch.department if dispatch is not None else None)
    return named or told.unit


def _followed(told: Told, step: _Step | None, policy: Policy) -> tuple[Told, _Step | None]:
    """The ticket after a step, and the step where it is news and is to be told."""
    if step is None:
        return told, None
    found = policy.organisation.find(step.unit) if step.unit else None
    if found is not None:
        step = step._replace(unit=found.code)
    stage, unit = step.stage, step.unit
    if (told.stage in _ENDED) != (stage == "reopened"):
        return told, None  # the end is the end, and only from there it is open again
    if stage == "progressed":
        digest = blake2s(f"{unit}\x1f{step.words}".encode(), digest_size=8).hexdigest()
        return replace(told, news=digest), step if digest != told.news else None
    reached = told.reached
    rank = _RANK.get(stage)
    if rank is not None:
        known = reached.get(unit, 0)
        if known == rank:  # again, as after a rejected reply: so it stands, and nothing is new
            return replace(told, stage=stage, unit=unit), None
        if known > rank:
            return told, None
        kept = [each for each in reached.items() if each[0] != unit][1 - UNITS_KEPT :]
        reached = dict([*kept, (unit, rank)])
    elif (stage, unit) == (told.stage, told.unit):
        return told, None
    elif stage == "returned":
        reached = {name: rank for name, rank in reached.items() if name != unit}
    elif stage == "reopened":
        reached = {}
    told = replace(told, stage=stage, unit=unit, reached=reached)
    return told, step if step.told else None


def _imported(data: TicketImportedData, policy: Policy) -> tuple[str, str]:
    """Where an import says that the ticket stands, and with whom."""
    leads = [
        each.department
        for each in data.dispatches
        if each.returned_at is None and each.role is not DispatchRole.SUPPORTING
    ]
    named = (leads[-1] if leads else data.department) or ""
    found = policy.organisation.find(named) if named else None
    if data.closed_at is not None and data.state is None:
        stage = "closed"
    else:
        stage = _IMPORTED.get(data.state, "received") if data.state is not None else "received"
    return stage, named if found is None else found.code


def _deadlines(clocks: Sequence[Stated]) -> tuple[dict[str, datetime], tuple[str, ...]]:
    """The citizen's deadlines as they are stated: by clock; and which clocks stand still. Of
    several departments that have to call, the first."""
    at: dict[str, datetime] = {}
    paused: list[str] = []
    for each in clocks:
        target = each.target
        if target not in FOLLOWED:
            continue
        if each.status == "paused":
            paused.append(target)
        elif each.status == "running" and each.deadline is not None:
            known = at.get(target)
            at[target] = each.deadline if known is None else min(known, each.deadline)
    return at, tuple(target for target in dict.fromkeys(paused) if target not in at)


# --- Replies --------------------------------------------------------------------------------------


def _in_force(told: Told, event: Any, case: Case, occasion: Occasion) -> tuple[Told, list[_Result]]:
    """Replies that are in force now and were not told: inspected, or at least closed with."""
    replies = told.replies
    if isinstance(event, ReplySubmitted):
        unsent = Unsent(
            min(event.time.astimezone(UTC), occasion.now),
            event.data.reply_id,
            event.data.department or told.unit,
            _words(event.data, occasion.policy),
        )
        replies = (*replies, unsent)[-REPLIES_KEPT:]
    if not replies:
        return told, []
    submitted = occasion.policy.sla.reply_in_force == "submitted"
    known = {(each.at, each.id): (dispatch, each) for dispatch, each in case.replies}
    waiting: list[tuple[Unsent, str]] = []
    results: list[_Result] = []
    for each in replies:
        dispatch, reply = known.get((each.at, each.id), (None, None))
        if reply is None or (dispatch is not None and not dispatch.leads):
            continue
        unit = (dispatch.department if dispatch is not None else None) or each.unit
        if submitted:
            results.append(_Result(unit, each.words, reply.at))
        elif reply.approved is not None:
            results.append(_Result(unit, each.words, reply.approved.at))
        elif reply.rejected is None:
            waiting.append((each, unit))
    if waiting and isinstance(event, TicketClosed):
        last, unit = waiting[-1]
        closed_at = min(event.time.astimezone(UTC), occasion.now)
        results.append(_Result(unit, last.words, closed_at))
    if told.stage in _ENDED:
        waiting = []
    return replace(told, replies=tuple([each for each, _ in waiting])), results


def _words(data: ReplySubmittedData, policy: Policy) -> str:
    """What a reply says to the citizen: its text, else cause, findings and handling; as long as the
    policy lets it be."""
    parts = (data.text,) if data.text else (data.cause, data.findings, data.handling)
    said = [each.strip() for each in parts if each and each.strip()]
    whole = [f"{each.rstrip('。；;.')}；" for each in said[:-1]]
    return _cut("".join([*whole, *said[-1:]]), policy)


def _cut(text: str, policy: Policy) -> str:
    limit = policy.notices.result_chars
    return text if len(text) <= limit else text[: limit - 1] + "…"


# --- In words -------------------------------------------------------------------------------------


class _Telling:
    """The notice of one occasion, to somebody who can be told."""

    def __init__(self, told: Told, after: State, case: Case, occasion: Occasion) -> None:
        self._told = told
        self._case = case
        self._occasion = occasion
        self._policy = occasion.policy
        self._words = occasion.policy.notices
        self._clocks = after.clocks
        self._urgent = after.urgency == 0
        self._texts: list[Words] = []
        self._data: dict[str, Any] = {}
        self._kind = ""

    def say(
        self, step: _Step | None, results: Sequence[_Result], breached: Collection[str]
    ) -> Outcome:
        """The notice, if there is anything to tell."""
        told = self._told
        is_open = told.stage not in _ENDED
        at, paused = _deadlines(self._clocks)
        if is_open and not told.acknowledged:
            self._acknowledge(self._worded(at, paused))
            moved = None
        else:
            moved = self._moved(at, paused) if is_open else None
        notes: list[Note] = [("sla_results", (self._result(each),)) for each in results]
        if step is not None and step.stage in self._words.stages:
            self._stage(step)
        if moved is not None:
            self._changed(*moved)
        dates = at
        if not self._kind and is_open and any(_is_news(clock) for clock in breached):
            dates = self._no_news(at, paused)
        if not self._kind:
            return Outcome(told)
        told = replace(
            told,
            acknowledged=told.acknowledged or is_open,
            revision=told.revision + 1,
            deadlines=at,
            paused=paused,
        )
        effect = self._effect(told, telling.listed(dates, self._policy), paused)
        return Outcome(told, (effect,), tuple(notes))

    def _worded(self, at: Mapping[str, datetime], paused: Sequence[str]) -> Words:
        now, timer = self._occasion.now, self._occasion.event is None
        return telling.worded(at, self._policy, now=now, timer=timer, paused=paused)

    def _moved(
        self, at: Mapping[str, datetime], paused: Sequence[str]
    ) -> tuple[Words, bool] | None:
        """What is new of the deadlines to come, and whether none of it was told otherwise before;
        None where all was told."""
        told, now = self._told, self._occasion.now
        new = {
            clock: when
            for clock, when in at.items()
            if when > now and told.deadlines.get(clock) != when
        }
        still = [clock for clock in paused if clock not in told.paused]
        if not new and not still:
            return None
        first = not still and not any(each in told.deadlines or each in told.paused for each in new)
        return self._worded(new, still), first

    def _acknowledge(self, in_words: Words) -> None:
        """Whose number came later, or who wants an answer now: told what intake could not."""
        self._kind = PROGRESSED
        acknowledging = telling.acknowledging(self._asked(), self._policy)
        self._data["stage"] = "received"
        self._data["steps"] = orjson.Fragment(acknowledging.steps_json)
        ticket = self._occasion.ticket
        self._texts.append(acknowledging.words.filled(in_words, ticket=ticket))

    def _asked(self) -> Asked:
        content = self._case.content
        return Asked(
            is_anonymous(self._occasion.citizen),
            content.channel,
            request_type=content.request_type,
            reply_wanted=self._told.reader.wanted,
        )

    def _is_called_back(self) -> bool:
        """Whether the close that this is about is followed by a callback, as its own service
        decides it (R33)."""
        occasion = self._occasion
        assert occasion.event is not None, "a close is an event"
        closed_at = min(occasion.event.time.astimezone(UTC), occasion.now)
        return why_not(self._asked(), self._policy) is None and not is_too_late(
            closed_at, occasion.now, self._policy
        )

    def _result(self, result: _Result) -> str:
        """Returns within which time of its coming in force it was told."""
        self._kind = RESULT
        self._named(result.unit)
        self._texts.append(self._filled(self._words.result, result.unit, result.words))
        if result.words:
            self._data["words"] = result.words
        seconds = max((self._occasion.now - result.since).total_seconds(), 0.0)
        self._data["latency_seconds"] = seconds
        return next(label for limit, label in _WITHIN if seconds <= limit)

    def _stage(self, step: _Step) -> None:
        words = _cut(step.words, self._policy)
        self._texts.append(self._filled(self._words.stages[step.stage], step.unit, words))
        if step.called_back and self._is_called_back():
            self._texts.append(self._words.called_back)
        self._data["stage"] = step.stage
        if not self._kind:
            self._kind = PROGRESSED
            self._named(step.unit)
            if words:
                self._data["words"] = words

    def _changed(self, in_words: Words, first: bool) -> None:
        if self._kind:
            self._texts.append(Words(f"{in_words.zh}。", f"{in_words.en}."))
            return
        self._kind = CHANGED
        ticket = self._occasion.ticket
        said = self._words.deadline_set if first else self._words.changed
        self._texts.append(said.filled(in_words, ticket=ticket))

    def _no_news(self, at: dict[str, datetime], paused: tuple[str, ...]) -> dict[str, datetime]:
        """Where it stands, and the next date (R9). Returns the deadlines with that of news."""
        self._kind = NO_NEWS
        told, now = self._told, self._occasion.now
        coming = [
            each.deadline
            for each in self._clocks
            if each.target == INTERIM
            and each.status == "running"
            and each.deadline is not None
            and each.deadline > now
        ]
        if coming:
            at = {**at, ClockKind.INTERIM_NEWS.value: min(coming)}
        stage = told.stage if told.stage in self._words.stands else "received"
        self._data["stage"] = stage
        self._named(told.unit)
        self._texts.append(
            self._words.no_news.filled(
                self._worded(at, paused),
                ticket=self._occasion.ticket,
                stands=self._words.stands[stage].filled(unit=self._unit(told.unit)),
            )
        )
        return at

    def _filled(self, words: Words, unit: str, said: str) -> Words:
        return words.filled(
            ticket=self._occasion.ticket, unit=self._unit(unit), words=said or self._words.unsaid
        )

    def _unit(self, unit: str) -> Words:
        found = self._policy.organisation.find(unit) if unit else None
        name = unit if found is None else found.name
        return Words(name, name) if name else self._words.unit

    def _named(self, unit: str) -> None:
        if not unit:
            return
        found = self._policy.organisation.find(unit)
        self._data["unit"] = unit if found is None else found.code
        if found is not None:
            self._data["unit_name"] = found.name

    def _effect(
        self, told: Told, deadlines: list[dict[str, Any]], paused: tuple[str, ...]
    ) -> Effect:
        occasion, policy = self._occasion, self._policy
        text = _joined(self._texts)
        data: dict[str, Any] = {
            "notice": self._kind,
            "revision": told.revision,
            "text_zh": text.zh,
            "text_en": text.en,
            "deadlines": deadlines,
            **self._data,
        }
        if paused:
            data["paused"] = paused
        if told.reader.channel:
            data["channel"] = told.reader.channel
        quiet = None if self._urgent else self._words.quiet
        not_before = quiet and quiet.until(self._kind, occasion.now, policy.time_zone)
        if not_before is not None:
            data["not_before"] = not_before
        value = telling.notice(
            service=SERVICE,
            ticket=occasion.ticket,
            citizen=occasion.citizen,
            leaf=occasion.leaf,
            cause=occasion.cause,
            event=occasion.event,
            now=occasion.now,
            policy=policy,
            data=data,
            discriminator=self._kind,
        )
        return Effect(NOTICES, key=occasion.citizen, value=value)


_ENDINGS: Final = ("。", "！", "？", "…", ".", "!", "?")


def _joined(texts: Sequence[Words]) -> Words:
    """One after the other: what a unit wrote may end without its full stop."""
    *before, last = texts
    zh = [each.zh if each.zh.endswith(_ENDINGS) else f"{each.zh}。" for each in before]
    en = [each.en if each.en.endswith(_ENDINGS) else f"{each.en}." for each in before]
    return Words("".join([*zh, last.zh]), " ".join([*en, last.en]))


def _is_news(clock: str) -> bool:
    return clock.partition(":")[0] == INTERIM
