"""Whom a ticket's event makes intake tell what: the receipt, and who gets it (R2, R3, R5).

The citizen hears at once that the ticket was taken, which steps follow and which deadlines it has;
of everything after the receipt the sla service tells (docs/decisions/0062). The liaison (联络员) of
the department hears when it is complained of or the ticket goes there. Where nobody is liaison, the
nearest unit above hears, and that nobody is there is an alarm, not a silent skip.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson
from msgspec.structs import replace

from policy.bundle import Policy
from policy.organisation import Person, Role, Unit
from rules import telling
from rules.asked import Asked
from rules.clocks import promised
from rules.clocks.terms import Content
from rules.telling import ACKNOWLEDGED, LIAISON, NOBODY, Reader
from runtime.processor import Effect, Note
from schemas.envelope import Envelope
from schemas.events import (
    TicketAmended,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketReceived,
)
from schemas.events.tickets import ClockKind, TicketContent, TicketReceivedData
from schemas.ids import is_anonymous
from schemas.topics import NOTICES
from vault.directory import anonymous

SERVICE: Final = "intake"
ACCEPT: Final = ClockKind.ACCEPT.value


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What liaisons were told of a ticket, and what it takes to tell more."""

    confidential: bool = False
    """保密."""
    unit: str = ""
    """Code of the unit whose liaison was told last."""
    accept_due_at: datetime | None = None
    """That unit's, as it was told."""
    urgency: str | None = None
    request_type: str | None = None
    channel: str | None = None
    """What rows of the policy ask of a ticket beside its leaf."""


NOTHING: Final = Told()


class Occasion(msgspec.Struct, frozen=True):
    """An event that may have to be told, and how the ticket stands after it."""

    event: Envelope
    citizen: str
    leaf: str | None
    told: Told
    first: bool
    """Whether it is the first receipt of the ticket."""
    is_open: bool
    now: datetime
    policy: Policy

    @property
    def at(self) -> datetime:
        """When it happened, never later than it was recorded: clocks count from here."""
        return min(self.event.time.astimezone(UTC), self.now)

    def content(self, told: Told) -> Content:
        """What rows of the policy ask."""
        return Content(self.leaf, told.urgency, told.request_type, told.channel)


class Outcome(msgspec.Struct, frozen=True):
    """What is told now."""

    told: Told
    effects: tuple[Effect, ...] = ()
    notes: tuple[Note, ...] = ()


def after(occasion: Occasion) -> Outcome:
    """The notices of an event that is told at all (``TELLING``)."""
    event = occasion.event
    learn = _LEARNING.get(type(event))
    told = occasion.told if learn is None else learn(event, occasion.told)
    if isinstance(event, TicketImported) and occasion.first:
        return Outcome(told)  # the platform told everybody when the citizen came
    effects: list[Effect] = []
    notes: list[Note] = []
    if not occasion.is_open:
        return Outcome(told)
    if isinstance(event, TicketReceived) and occasion.first:
        reader = telling.received(NOBODY, event.data, occasion.policy)
        if reader.told:
            effects.append(_to_citizen(event.data, reader, told, occasion))
    named, accept_due_at = _department(event)
    if named is not None:
        told = _inform(told, named, accept_due_at, occasion, effects, notes)
    return Outcome(told, tuple(effects), tuple(notes))


# --- What an event lets us know -------------------------------------------------------------------


def _of_receipt(event: Any, before: Told) -> Told:
    """The first receipt says all; a later one only what it says differently."""
    data: TicketReceivedData = event.data
    return replace(
        before,
        confidential=before.confidential or bool(data.confidential),
        urgency=before.urgency if data.urgency is None else data.urgency.value,
        request_type=before.request_type if data.request_type is None else data.request_type.value,
        channel=before.channel or (None if data.channel is None else data.channel.value),
    )


def _of_amendment(event: Any, before: Told) -> Told:
    changes: TicketContent = event.data.changes
    changed = event.data.changed
    urgency, request_type = changes.urgency, changes.request_type
    return replace(
        before,
        confidential=(
            bool(changes.confidential) if "confidential" in changed else before.confidential
        ),
        urgency=(urgency and urgency.value) if "urgency" in changed else before.urgency,
        request_type=(
            (request_type and request_type.value)
            if "request_type" in changed
            else before.request_type
        ),
    )


_LEARNING: Final[dict[type[Envelope], Callable[[Any, Told], Told]]] = {
    TicketReceived: _of_receipt,
    TicketImported: _of_receipt,
    TicketAmended: _of_amendment,
}
TELLING: Final = frozenset({*_LEARNING, TicketDispatched, TicketDesignated})
"""Events that somebody may have to be told of."""
_NAMING: Final = frozenset({TicketReceived, TicketImported, TicketDesignated})
"""Those that name a department and no deadline of its."""


def _department(event: Any) -> tuple[str | None, datetime | None]:
    """Whose liaison an event concerns, and until when the platform wants it accepted."""
    kind = type(event)
    if kind is TicketDispatched:
        return event.data.department, event.data.accept_due_at
    if kind is TicketAmended:
        return event.data.changes.department, None
    return (event.data.department, None) if kind in _NAMING else (None, None)


# --- Who is told ----------------------------------------------------------------------------------


def _to_citizen(data: TicketReceivedData, reader: Reader, told: Told, occasion: Occasion) -> Effect:
    policy = occasion.policy
    at = promised.at_receipt(
        occasion.content(told),
        occasion.at,
        policy,
        due_at=data.due_at,
        reply_owed=not (data.anonymous or is_anonymous(occasion.citizen)),
    )
    in_words = telling.worded(at, policy, now=occasion.now)
    asked = Asked(
        is_anonymous(occasion.citizen),
        told.channel,
        data.reply_by and data.reply_by.value,
        told.request_type,
        data.reply_wanted is not False,
    )
    acknowledging = telling.acknowledging(asked, policy)
    text = acknowledging.words.filled(in_words, ticket=occasion.event.subject)
    said: dict[str, Any] = {
        "notice": ACKNOWLEDGED,
        "revision": 1,
        "text_zh": text.zh,
        "text_en": text.en,
        "steps": orjson.Fragment(acknowledging.steps_json),
        "deadlines": telling.listed(at, policy),
    }
    if reader.channel:
        said["channel"] = reader.channel
    return _fact(occasion, occasion.citizen, said, ACKNOWLEDGED)


def _inform(
    told: Told,
    named: str,
    accept_due_at: datetime | None,
    occasion: Occasion,
    effects: list[Effect],
    notes: list[Note],
) -> Told:
    """Tell the liaison of a unit, unless they know it all already."""
    policy, dispatched = occasion.policy, isinstance(occasion.event, TicketDispatched)
    unit = policy.organisation.find(named)
    if unit is None:
        notes.append(("intake_unknown_units", (occasion.event.source,)))
        return told
    known = unit.code == told.unit
    if known and not dispatched:
        return told
    at = promised.at_dispatch(
        occasion.content(told),
        occasion.at,
        policy,
        named,
        given={ACCEPT: accept_due_at},
        targets=(ACCEPT,),
    )
    due = at.get(ACCEPT)
    if known and due in (None, told.accept_due_at):
        return told
    effects.append(_to_liaison(unit, at, told, occasion, notes))
    return replace(told, unit=unit.code, accept_due_at=due)


def _to_liaison(
    unit: Unit,
    at: dict[str, datetime],
    told: Told,
    occasion: Occasion,
    notes: list[Note],
) -> Effect:
    policy, event = occasion.policy, occasion.event
    words = policy.notices
    in_words = telling.worded(at, policy, now=occasion.now)  # recorded late, it may have passed
    texts = [words.informed.filled(in_words, ticket=event.subject, unit=unit.name)]
    data: dict[str, Any] = {
        "notice": LIAISON,
        "revision": 1,
        "unit": unit.code,
        "unit_name": unit.name,
        "role": Role.LIAISON.value,
        "deadlines": telling.listed(at, policy),
    }
    if ACCEPT in at:
        data["accept_due_at"] = at[ACCEPT].astimezone(policy.time_zone)
    if told.urgency is not None:
        data["urgency"] = told.urgency
    if told.confidential:
        data["confidential"] = True
        texts.append(words.confidential)
    found = _nearest(unit, policy)
    if found is None or found[0] is not unit:
        data["vacant"] = f"{unit.code}/{Role.LIAISON.value}"
        notes.append(("intake_vacancies", (unit.code, Role.LIAISON.value)))
    if found is None:
        data["undeliverable"] = True
    else:
        where, person = found
        data["person"] = person.id
        data["channels"] = [
            {"kind": each.kind, "address": each.address}
            for each in person.channels or where.channels
        ]
        if where is not unit:
            texts.append(words.vacant.filled(unit=unit.name, ticket=event.subject))
    data["text_zh"] = "".join(text.zh for text in texts)
    data["text_en"] = " ".join(text.en for text in texts)
    # 保密: not even the pseudonym, by which one citizen's tickets could be laid side by side.
    citizen = anonymous(event.subject) if told.confidential else occasion.citizen
    return _fact(occasion, citizen, data, f"{LIAISON} {unit.code}")


def _nearest(unit: Unit, policy: Policy) -> tuple[Unit, Person] | None:
    """Who is liaison: of the unit, else of the nearest above that has one (R5)."""
    for each in (unit, *policy.organisation.parents(unit.code)):
        person = each.roles.get(Role.LIAISON)
        if person is not None:
            return each, person
    return None


def _fact(occasion: Occasion, citizen: str, data: dict[str, Any], discriminator: str) -> Effect:
    event = occasion.event
    value = telling.notice(
        service=SERVICE,
        ticket=event.subject,
        citizen=citizen,
        leaf=occasion.leaf,
        cause=event.identity,
        event=event,
        now=occasion.now,
        policy=occasion.policy,
        data=data,
        discriminator=discriminator,
    )
    return Effect(NOTICES, key=citizen, value=value)
