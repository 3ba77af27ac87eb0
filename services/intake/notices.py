"""Whom a ticket's event makes us tell what (R2, R3, R5).

The citizen hears at once that the ticket was taken, which steps follow and which deadlines are
known, and again when a deadline changes. The liaison (联络员) of the department hears when it is
complained of or the ticket goes there. Where nobody is liaison, the nearest unit above hears, and
that nobody is there is an alarm, not a silent skip.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from policy.bundle import Policy
from policy.notices import Words
from policy.organisation import Person, Role, Unit
from runtime.processor import Effect, Note
from schemas.envelope import Envelope
from schemas.events import (
    ExtensionGranted,
    TicketAmended,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketReceived,
    TicketReopened,
)
from schemas.events.dispatches import DispatchRole, DispatchTerms
from schemas.events.tickets import ClockKind, TicketContent, TicketReceivedData
from schemas.facts.notices import NoticeRequested
from schemas.ids import effect_id
from schemas.topics import NOTICES
from vault.directory import anonymous

SERVICE: Final = "intake"
TYPE: Final[str] = NoticeRequested.model_fields["type"].default
CITIZEN: Final = "citizen.acknowledged"
LIAISON: Final = "liaison.informed"

RESOLVE, FIRST_CONTACT, REPLY, ACCEPT = (
    ClockKind.RESOLVE.value,
    ClockKind.FIRST_CONTACT.value,
    ClockKind.REPLY.value,
    ClockKind.ACCEPT.value,
)
_SEPARATOR: Final = Words("；", "; ")


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was told of a ticket, and what it takes to tell more."""

    channel: str = ""
    """Through which the citizen came."""
    way: bool = False
    """Whether there is one back to them."""
    wanted: bool = True
    """Whether they want an answer (需要回复)."""
    deadlines: dict[str, datetime] = {}
    """The citizen's, by clock."""
    revision: int = 0
    """Of the latest notice to the citizen."""
    confidential: bool = False
    """保密."""
    unit: str = ""
    """Code of the unit whose liaison was told last."""
    accept_due_at: datetime | None = None
    """That unit's, if it was told."""


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


class Outcome(msgspec.Struct, frozen=True):
    """What is told now."""

    told: Told
    effects: tuple[Effect, ...] = ()
    notes: tuple[Note, ...] = ()


def after(occasion: Occasion) -> Outcome:
    """The notices of an event that is told at all (``TELLING``)."""
    event = occasion.event
    told = _LEARNING[type(event)](event, occasion)
    if isinstance(event, TicketImported) and occasion.first:
        return Outcome(told)  # the platform told everybody when the citizen came
    effects: list[Effect] = []
    notes: list[Note] = []
    changed = occasion.first or told.deadlines != occasion.told.deadlines
    if changed and occasion.is_open and told.way and told.wanted:
        told = msgspec.structs.replace(told, revision=told.revision + 1)
        effects.append(_to_citizen(told, occasion))
    named, accept_due_at = _department(event)
    if named is not None and occasion.is_open:
        told = _inform(told, named, accept_due_at, occasion, effects, notes)
    return Outcome(told, tuple(effects), tuple(notes))


# --- What an event lets us know -------------------------------------------------------------------


def _of_receipt(event: Any, occasion: Occasion) -> Told:
    """The first receipt says all; a later one only what it says differently."""
    data: TicketReceivedData = event.data
    before = occasion.told
    deadlines = _set(before.deadlines, RESOLVE, data.due_at) if data.due_at else before.deadlines
    if isinstance(event, TicketImported) and occasion.first:
        for dispatch in event.data.dispatches:
            if dispatch.returned_at is None:
                deadlines = _terms(deadlines, dispatch)
    channel = before.channel or (data.channel.value if data.channel is not None else "")
    return Told(
        channel=channel,
        way=before.way or _way(data, channel, occasion.policy),
        wanted=before.wanted if data.reply_wanted is None else data.reply_wanted,
        deadlines=deadlines,
        revision=before.revision,
        confidential=before.confidential or bool(data.confidential),
        unit=before.unit,
        accept_due_at=before.accept_due_at,
    )


def _of_amendment(event: Any, occasion: Occasion) -> Told:
    changes: TicketContent = event.data.changes
    changed, told = event.data.changed, occasion.told
    deadlines = told.deadlines
    if "due_at" in changed:
        deadlines = _set(deadlines, RESOLVE, changes.due_at)
    return msgspec.structs.replace(
        told,
        way=told.way or _way(changes, "", occasion.policy),
        wanted=changes.reply_wanted is not False if "reply_wanted" in changed else told.wanted,
        confidential=bool(changes.confidential) if "confidential" in changed else told.confidential,
        deadlines=deadlines,
    )


def _of_dispatch(event: Any, occasion: Occasion) -> Told:
    """The citizen hears the terms of who leads, not what units agree among themselves."""
    terms: DispatchTerms = event.data
    if terms.role is DispatchRole.SUPPORTING or terms.parent_dispatch_id is not None:
        return occasion.told
    told = occasion.told
    return msgspec.structs.replace(told, deadlines=_terms(told.deadlines, terms))


def _of_extension(event: Any, occasion: Occasion) -> Told:
    clock = RESOLVE if event.data.dispatch_id is None else REPLY
    return _moved(occasion.told, clock, event.data.new_due_at)


def _of_decision(event: Any, occasion: Occasion) -> Told:
    """重办 and 指定承办 may bring a deadline."""
    clock = RESOLVE if isinstance(event, TicketReopened) else REPLY
    return _moved(occasion.told, clock, event.data.due_at) if event.data.due_at else occasion.told


def _moved(told: Told, clock: str, at: datetime) -> Told:
    return msgspec.structs.replace(told, deadlines=_set(told.deadlines, clock, at))


def _terms(deadlines: dict[str, datetime], terms: DispatchTerms) -> dict[str, datetime]:
    if terms.contact_due_at is not None:
        deadlines = _set(deadlines, FIRST_CONTACT, terms.contact_due_at)
    if terms.reply_due_at is not None:
        deadlines = _set(deadlines, REPLY, terms.reply_due_at)
    return deadlines


def _set(deadlines: dict[str, datetime], clock: str, at: datetime | None) -> dict[str, datetime]:
    if at is not None:
        return {**deadlines, clock: at}
    return {each: when for each, when in deadlines.items() if each != clock}


def _way(content: TicketContent, channel: str, policy: Policy) -> bool:
    """Whether the platform can reach who came: by a number or name, or on the way they took."""
    party = content.complainant
    return (party is not None and bool(party.identities)) or channel in policy.notices.way_back


_LEARNING: Final[dict[type[Envelope], Callable[[Any, Occasion], Told]]] = {
    TicketReceived: _of_receipt,
    TicketImported: _of_receipt,
    TicketAmended: _of_amendment,
    TicketDispatched: _of_dispatch,
    TicketDesignated: _of_decision,
    TicketReopened: _of_decision,
    ExtensionGranted: _of_extension,
}
TELLING: Final = frozenset(_LEARNING)
"""Events that somebody may have to be told of."""
_NAMING: Final = frozenset({TicketReceived, TicketImported, TicketDesignated})
"""Those that name a department and no deadline of its."""


def _department(event: Any) -> tuple[str | None, datetime | None]:
    """Whose liaison an event concerns, and until when they have to accept."""
    kind = type(event)
    if kind is TicketDispatched:
        return event.data.department, event.data.accept_due_at
    if kind is TicketAmended:
        return event.data.changes.department, None
    return (event.data.department, None) if kind in _NAMING else (None, None)


# --- Who is told ----------------------------------------------------------------------------------


def _to_citizen(told: Told, occasion: Occasion) -> Effect:
    policy = occasion.policy
    words = policy.notices.acknowledged if told.revision == 1 else policy.notices.changed
    deadlines, in_words = _deadlines(told.deadlines, policy)
    text = words.filled(in_words, ticket=occasion.event.subject)
    data: dict[str, Any] = {
        "notice": CITIZEN,
        "revision": told.revision,
        "text_zh": text.zh,
        "text_en": text.en,
        "steps": orjson.Fragment(policy.notices.steps_json),
        "deadlines": deadlines,
    }
    if told.channel:
        data["channel"] = told.channel
    return _fact(occasion, occasion.citizen, data, CITIZEN)


def _inform(
    told: Told,
    named: str,
    accept_due_at: datetime | None,
    occasion: Occasion,
    effects: list[Effect],
    notes: list[Note],
) -> Told:
    """Tell the liaison of a unit, unless they know it all already."""
    unit = occasion.policy.organisation.find(named)
    if unit is None:
        notes.append(("intake_unknown_units", (occasion.event.source,)))
        return told
    if unit.code == told.unit and accept_due_at in (None, told.accept_due_at):
        return told
    effects.append(_to_liaison(unit, accept_due_at, told, occasion, notes))
    return msgspec.structs.replace(told, unit=unit.code, accept_due_at=accept_due_at)


def _to_liaison(
    unit: Unit,
    accept_due_at: datetime | None,
    told: Told,
    occasion: Occasion,
    notes: list[Note],
) -> Effect:
    policy, event = occasion.policy, occasion.event
    words = policy.notices
    at = {} if accept_due_at is None else {ACCEPT: accept_due_at}
    deadlines, in_words = _deadlines(at, policy)
    texts = [words.informed.filled(in_words, ticket=event.subject, unit=unit.name)]
    data: dict[str, Any] = {
        "notice": LIAISON,
        "revision": 1,
        "unit": unit.code,
        "unit_name": unit.name,
        "role": Role.LIAISON.value,
        "deadlines": deadlines,
    }
    if accept_due_at is not None:
        data["accept_due_at"] = accept_due_at.astimezone(policy.time_zone)
    content = getattr(event.data, "changes", event.data)  # type: ignore[attr-defined]
    urgency = getattr(content, "urgency", None)
    if urgency is not None:
        data["urgency"] = urgency.value
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


def _deadlines(at: dict[str, datetime], policy: Policy) -> tuple[list[dict[str, Any]], Words]:
    """Deadlines as data and in words, the earliest first; local times."""
    if not at:
        return [], policy.notices.no_deadline
    zone = policy.time_zone
    local = sorted((when.astimezone(zone), clock) for clock, when in at.items())
    told = [
        policy.notices.deadlines[clock].filled(at=when.strftime("%Y-%m-%d %H:%M"))
        for when, clock in local
        if clock in policy.notices.deadlines
    ]
    words = Words(
        _SEPARATOR.zh.join(each.zh for each in told), _SEPARATOR.en.join(each.en for each in told)
    )
    return [{"clock": clock, "at": when} for when, clock in local], words


def _fact(occasion: Occasion, citizen: str, data: dict[str, Any], discriminator: str) -> Effect:
    """Built from what is typed already, so not validated again; tests hold it against the model."""
    event = occasion.event
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": effect_id(
            service=SERVICE,
            state_key=event.subject,
            fact_type=TYPE,
            cause=event.identity,
            discriminator=discriminator,
        ),
        "source": "hotline/intake",
        "type": TYPE,
        "time": occasion.now,
        "subject": event.subject,
        "datacontenttype": "application/json",
        "citizen": citizen,
        "recordedtime": occasion.now,
        "causationid": event.identity,
        "policyversion": occasion.policy.version,
        "data": data,
    }
    if event.traceparent is not None:
        document["traceparent"] = event.traceparent
    if occasion.leaf is not None:
        document["leaf"] = occasion.leaf
    return Effect(NOTICES, key=citizen, value=orjson.dumps(document, option=orjson.OPT_UTC_Z))
