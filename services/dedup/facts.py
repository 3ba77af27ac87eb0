"""From a judged ticket to the fact that says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from policy.bundle import Policy
from schemas.envelope import Envelope
from schemas.facts.repeats import REPEAT_TYPES
from schemas.ids import effect_id
from services.dedup.chain import find, is_compared, sees
from services.dedup.matter import compare
from services.dedup.state import Handling, Mark, Ticket
from services.dedup.words import REASONS

SERVICE = "dedup"
EARLIER_SHOWN = 5
"""Earlier tickets in a fact: enough to judge by, and a bound on the size of a fact."""

_SAME: Final = ("citizen", "leaf")
_TYPES: Final[dict[str, str]] = {
    model.model_fields["type"].default.split(".")[2]: model.model_fields["type"].default
    for model in REPEAT_TYPES
}


_WITH_ABSENT: Final = ("dimensions", "first", "mark")
"""Objects of a fact that may lack fields; the others always have all of theirs."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the facts of one decision have in common."""

    event: Envelope
    citizen: str
    now: datetime
    policy: Policy

    def fact_id(self, verdict: str, ticket_id: str, revision: int, state_key: str) -> str:
        return effect_id(
            service=SERVICE,
            state_key=state_key,
            fact_type=_TYPES[verdict],
            cause=self.event.identity,
            discriminator=f"{ticket_id} {revision}",
        )

    def fact(self, fact_id: str, ticket_id: str, data: dict[str, Any]) -> bytes:
        """The fact's JSON. ``data`` is a ``RepeatData``; absent fields are left out.

        Built from states that are typed already, so it is not validated again: that was a fifth of
        a ticket's CPU. Tests hold every fact against its published model.
        """
        event = self.event
        type_ = _TYPES[data["verdict"]]
        for name in _WITH_ABSENT:
            if data.get(name) is not None:
                data[name] = _present(data[name])
        document = {
            "specversion": "1.0",
            "id": fact_id,
            "source": "hotline/dedup",
            "type": type_,
            "time": self.now,
            "subject": ticket_id,
            "datacontenttype": "application/json",
            "citizen": self.citizen,
            "recordedtime": event.recordedtime or self.now,
            "causationid": event.identity,
            "policyversion": self.policy.version,
            "traceparent": event.traceparent,
            "leaf": data["dimensions"].get("leaf"),
            "data": _present(data),
        }
        return orjson.dumps(_present(document), option=orjson.OPT_UTC_Z)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """Without absent fields."""
    return {name: value for name, value in fields.items() if value is not None}


def data_of(
    ticket: Ticket,
    index: int,
    tickets: Sequence[Ticket],
    heads: Iterable[Ticket],
    *,
    leaf: str,
    cause: str,
    replaces: str,
    policy: Policy,
) -> dict[str, Any]:
    """``RepeatData`` of a ticket that has been judged; ``tickets[index]`` is it."""
    link, tz = ticket.link, policy.time_zone
    earlier: list[dict[str, Any]] = []
    count = 0
    window = None
    opens_words = ""
    if ticket.window is not None:
        opens = ticket.window.opens
        window = {"mode": ticket.window.mode, "length": ticket.window.length, "opens": opens}
        opens_words = opens.astimezone(tz).date().isoformat()
        if is_compared(ticket):
            earlier, count = _earlier(ticket, index, tickets, opens)
    mark = ticket.mark
    reason = REASONS[ticket.reason]
    words = {
        "opens": opens_words,
        "first": link.first,
        "position": link.position,
        "by": (mark.by if mark else None) or "?",
        "clause": (mark.clause if mark else None) or "?",
    }
    local = ticket.time.astimezone(tz)
    handling = ticket.handling
    return {
        "verdict": ticket.verdict,
        "reason": ticket.reason,
        "rule": reason.rule,
        "reason_en": reason.en.format_map(words),
        "reason_zh": reason.zh.format_map(words),
        "window": window,
        "chain": {
            "first_ticket": link.first,
            "position": link.position,
            "length": _length(ticket, tickets),
        },
        "earlier": earlier,
        "earlier_count": count,
        "first": _first(ticket, tickets, heads),
        "dimensions": {
            "department": handling.department or ticket.matter.department or None,
            "team": handling.team,
            "handler": handling.handler,
            "leaf": leaf or None,
            "area": ticket.area,
            "channel": ticket.channel,
            "month": f"{local.year:04d}-{local.month:02d}",
            "request_type": ticket.request_type,
        },
        "counted": ticket.counts and not ticket.withdrawn,
        "recontact": link.position > 1 and not link.by_name_alone,
        "mark": mark_data(mark) if mark else None,
        "revision": ticket.revision,
        "replaces": replaces or None,
        "cause": cause,
    }


def mark_data(mark: Mark) -> dict[str, Any]:
    return {
        "mark": mark.mark,
        "at": mark.at,
        "by": mark.by,
        "reason": mark.reason,
        "clause": mark.clause,
        "earlier_ticket": mark.earlier_ticket,
        "text": mark.text,
    }


def _earlier(
    ticket: Ticket, index: int, tickets: Sequence[Ticket], opens: datetime
) -> tuple[list[dict[str, Any]], int]:
    """What was in the window, newest first, and how many: the tickets before are judged already.

    Written for a citizen with thousands of tickets: this runs over all that are kept.
    """
    shown: list[dict[str, Any]] = []
    count = 0
    matter, former = ticket.matter, ticket.former_leaf
    same: tuple[str, ...] | None = None
    for each in reversed(tickets[:index]):
        if each.time < opens:
            break
        if not each.link.position or (former and not sees(ticket, each)):
            continue
        count += 1
        if count > EARLIER_SHOWN:
            continue
        if each.matter == matter:
            if same is None:
                same = (*_SAME, *compare(matter, matter)[0])
            shown.append({"ticket": each.id, "time": each.time, "matched": same})
        else:
            alike, unlike = compare(each.matter, matter)
            matched = (*_SAME, *alike)
            item = {"ticket": each.id, "time": each.time, "matched": matched, "differs": unlike}
            shown.append(item)
    return shown, count


def _length(ticket: Ticket, tickets: Sequence[Ticket]) -> int:
    link = ticket.link
    for each in reversed(tickets):
        if each is ticket:
            return link.position
        if each.link.first == link.first and each.link.position > link.position:
            return each.link.position
    return link.position


def _first(
    ticket: Ticket, tickets: Sequence[Ticket], heads: Iterable[Ticket]
) -> dict[str, Any] | None:
    link = ticket.link
    if link.first == ticket.id or not link.position:
        return None
    first = next((each for each in heads if each.id == link.first), None)
    if first is None:
        index = find(tickets, link.first)
        first = tickets[index] if index >= 0 else None
    if first is None:
        return {"ticket": link.first, "time": link.first_time}
    known: Handling = first.handling
    return {
        "ticket": first.id,
        "time": first.time,
        "department": known.department or first.matter.department or None,
        "team": known.team,
        "handler": known.handler,
        "replied_at": known.replied_at,
        "reply_resolved": known.reply_resolved,
        "closed_at": known.closed_at,
        "called_back_at": known.called_back_at,
        "contacted": known.contacted,
        "resolved": known.resolved,
        "satisfied": known.satisfied,
    }
