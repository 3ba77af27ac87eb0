"""From a judged ticket to the fact that says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from policy.bundle import Policy
from policy.matter import SameMatter
from rules.handling import Handling
from rules.matter import UNKNOWN, Match, compare, match
from rules.words import REASONS
from schemas.envelope import Envelope
from schemas.facts.repeats import REPEAT_TYPES
from schemas.ids import effect_id
from services.dedup.causes import first_of, found_for, hands_of
from services.dedup.chain import find, how_alike, is_compared, sees
from services.dedup.state import Mark, Ticket
from services.dedup.telling import cause_data, prompt, reason_words

SERVICE = "dedup"
EARLIER_SHOWN = 5
"""Earlier tickets in a fact: enough to judge by, and a bound on the size of a fact."""

_SAME: Final = ("citizen", "leaf")
_TYPES: Final[dict[str, str]] = {
    model.model_fields["type"].default.split(".")[2]: model.model_fields["type"].default
    for model in REPEAT_TYPES
}


_WITH_ABSENT: Final = (
    *("dimensions", "first", "mark", "refused_mark", "chain", "rests_on", "charged_to"),
    "root_cause",
)
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
            earlier, count = _earlier(ticket, index, tickets, opens, policy.repeat.same_matter)
    mark = ticket.mark
    rests_on = first = None
    if link.before or link.first != ticket.id:
        rests_on = _rests_on(ticket, tickets, heads, policy)
        first = first_of(ticket, tickets, heads)
    found = found_for(ticket, tickets, heads, policy)
    by_human = bool(mark and mark.verdict)
    reason_en, reason_zh = reason_words(ticket, opens_words, tz)
    told = prompt(ticket, rests_on, tz) if rests_on else None
    local = ticket.time.astimezone(tz)
    handling = ticket.handling
    counted = ticket.counts and not ticket.withdrawn
    return {
        "verdict": ticket.verdict,
        "reason": ticket.reason,
        "rule": REASONS[ticket.reason].rule,
        "reason_en": reason_en,
        "reason_zh": reason_zh,
        "window": window,
        "chain": {
            "first_ticket": link.first,
            "position": link.position,
            "length": _length(ticket, tickets),
            "recurrence_of": link.before if link.recurrence else None,
        },
        "earlier": earlier,
        "earlier_count": count,
        "first": _first(ticket, first),
        "dimensions": {
            "department": handling.department or ticket.matter.department or None,
            "team": handling.team,
            "handler": handling.handler,
            "leaf": leaf or None,
            "area": ticket.area,
            "channel": ticket.channel,
            "month": f"{local.year:04d}-{local.month:02d}",
            "request_type": ticket.request_type,
            "clause": mark.clause
            if by_human and mark and ticket.reason == "policy_expectation"
            else None,
        },
        "counted": counted and not ticket.is_contact,
        "recontact": counted and link.came_again,
        "subject_kind": "contact" if ticket.is_contact else None,
        "contact": ticket.contact or None,
        "chases": handling.chases or None,
        "shared": ticket.shared or None,
        "rests_on": rests_on,
        "charged_to": _charged_to(ticket, first),
        "root_cause": cause_data(ticket, found) if found else None,
        "prompt_en": told.en if told else None,
        "prompt_zh": told.zh if told else None,
        "mark": mark_data(mark) if mark else None,
        "refused_mark": mark_data(ticket.refused) if ticket.refused else None,
        "revision": ticket.revision,
        "replaces": replaces or None,
        "cause": cause,
    }


def _rests_on(
    ticket: Ticket, tickets: Sequence[Ticket], heads: Iterable[Ticket], policy: Policy
) -> dict[str, Any] | None:
    """The earlier ticket that decided, as it is known now."""
    ruled = ticket.ruled
    if ruled is None or not ruled.case:
        return None
    data: dict[str, Any] = {
        "ticket": ruled.case,
        "score": ruled.score,
        "state": ruled.state or None,
        "since": ruled.since,
        "due_at": ruled.due,
    }
    index = find(tickets, ruled.case)
    case = tickets[index] if index >= 0 else None
    if case is None:
        case = next((each for each in heads if each.id == ruled.case), None)
    if case is None:
        return data
    same = policy.repeat.same_matter
    before = find(tickets, ticket.link.before)
    how = how_alike(ticket, tickets[before], same) if before >= 0 else UNKNOWN
    known = case.handling
    reasonable = ticket.reasonable
    data.update(
        time=case.time,
        parts=rounded(how) or None,
        department=known.department or case.matter.department or None,
        team=known.team,
        handler=known.handler,
        replied_at=known.replied_at,
        reply_resolved=known.reply_resolved,
        approved_at=known.approved_at,
        called_back_at=known.called_back_at,
        contacted=known.contacted,
        resolved=known.resolved,
        false_closure=known.false_closure,
        reasonable=reasonable if reasonable is not None else known.reasonable,
        evidence_at=known.evidence_at,
    )
    return data


def rounded(how: Match) -> dict[str, float]:
    return {name: round(value, 2) for name, value in how.parts.items()}


def _charged_to(ticket: Ticket, first: Ticket | None) -> dict[str, Any] | None:
    link = ticket.link
    if link.first == ticket.id or not link.position or ticket.is_contact:
        return None
    if first is None:
        return {"ticket": link.first}
    hands = hands_of(first)
    return {
        "ticket": first.id,
        "department": hands.department,
        "team": hands.team,
        "handler": hands.handler,
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
        "reasonable": mark.reasonable,
        "refused": mark.refused,
    }


def _earlier(
    ticket: Ticket,
    index: int,
    tickets: Sequence[Ticket],
    opens: datetime,
    same_matter: SameMatter,
) -> tuple[list[dict[str, Any]], int]:
    """What was in the window, newest first, and how many: the tickets before are judged already.

    Written for a citizen with thousands of tickets: this runs over all that are kept.
    """
    shown: list[dict[str, Any]] = []
    count = 0
    matter, former = ticket.matter, ticket.former_leaf
    for each in reversed(tickets[:index]):
        if each.time < opens:
            break
        if not each.link.position or (former and not sees(ticket, each)):
            continue
        count += 1
        if count > EARLIER_SHOWN:
            continue
        alike, unlike = compare(each.matter, matter)
        item = {"ticket": each.id, "time": each.time, "matched": (*_SAME, *alike)}
        if unlike:
            item["differs"] = unlike
        how = match(each.matter, matter, same_matter)
        if how.parts:
            item["score"], item["parts"] = how.score, rounded(how)
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


def _first(ticket: Ticket, first: Ticket | None) -> dict[str, Any] | None:
    link = ticket.link
    if link.first == ticket.id or not link.position:
        return None
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
