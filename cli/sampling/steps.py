"""The steps of a ticket's life, from the call to the callback, each returning when it was done."""

from cli.sampling.texts import CITIZEN_SAID, UNHAPPY
from cli.sampling.ticket import (
    DAY,
    HOUR,
    MINUTE,
    TELEPHONY,
    Data,
    Ticket,
    complainant,
    content,
    stamp,
)


def received(ticket: Ticket) -> int:
    """受理; a call of the telephone comes as a contact first (ruling 9)."""
    data = content(ticket)
    if ticket.channel == "phone" and ticket.citizen is not None and ticket.rng.random() < 0.3:
        contact = f"C{ticket.id[1:]}"
        started = ticket.at - ticket.rng.randrange(60, 300)
        ticket.say(
            "contact.received",
            started,
            {
                "channel": "phone",
                "caller": complainant(ticket.citizen),
                "callback_number": ticket.citizen.phone,
                "agent": ticket.agent,
                "started_at": stamp(started),
                "recording": f"rec/{contact}.wav",
                "text": ticket.text,
                "leaf": data["leaf"],
                "leaf_source": "agent",
            },
            subject=contact,
        )
        ticket.say(
            "call.recorded",
            ticket.at,
            {
                "purpose": "intake",
                "direction": "inbound",
                "ticket": ticket.id,
                "caller": ticket.agent,
                "number": ticket.citizen.phone,
                "started_at": stamp(started),
                "duration_seconds": ticket.at - started,
                "outcome": "answered",
                "recording": f"rec/{contact}.wav",
            },
            source=TELEPHONY,
            subject=contact,
        )
        data["contact_id"] = contact
    ticket.say("ticket.received", ticket.at, data)
    if ticket.first_leaf is None:
        return ticket.at
    amended = ticket.after(ticket.at, 20 * MINUTE, 90 * MINUTE)
    ticket.say(
        "ticket.amended",
        amended,
        {
            "changes": {
                "leaf": ticket.theme.leaf,
                "leaf_source": "agent",
                "category_path": list(ticket.theme.path),
                "department": ticket.theme.department,
            },
            "by": ticket.agent,
            "reason": "复核后更正分类",
        },
    )
    return amended


def dispatched(
    ticket: Ticket, at: int, *, number: int = 1, unit: str = "", parent: int | None = None
) -> int:
    at = ticket.after(at, 5 * MINUTE, 40 * MINUTE)
    data: Data = {
        "dispatch_id": f"{ticket.id}-D{number}",
        "department": unit or ticket.theme.department,
        "role": "lead",
        "accept_due_at": stamp(at + DAY),
        "contact_due_at": stamp(at + DAY),
        "reply_due_at": stamp(ticket.at + 5 * DAY),
        "by": ticket.agent,
    }
    if parent is not None:
        data["parent_dispatch_id"] = f"{ticket.id}-D{parent}"
    ticket.say("ticket.dispatched", at, data)
    return at


def accepted(ticket: Ticket, at: int, number: int = 1) -> int:
    at = ticket.after(at, 5 * MINUTE, 2 * HOUR)
    ticket.say(
        "dispatch.accepted",
        at,
        {
            "dispatch_id": f"{ticket.id}-D{number}",
            "department": ticket.theme.department,
            "handler": ticket.handler,
        },
    )
    return at


def contacted(ticket: Ticket, at: int, outcome: str = "answered") -> int:
    """首次联系, seen by the telephone system (R25, R26)."""
    at = ticket.after(at, 20 * MINUTE, 5 * HOUR)
    if ticket.citizen is None:
        return at
    ticket.say(
        "call.recorded",
        at,
        {
            "purpose": "first_contact",
            "direction": "outbound",
            "dispatch_id": f"{ticket.id}-D1",
            "department": ticket.theme.department,
            "caller": ticket.handler,
            "number": ticket.citizen.phone,
            "started_at": stamp(at - 120),
            "duration_seconds": 95 if outcome == "answered" else 0,
            "outcome": outcome,
            "recording": f"rec/{ticket.id}-{len(ticket.said)}.wav",
        },
        source=TELEPHONY,
    )
    return at


def progressed(ticket: Ticket, at: int) -> int:
    at = ticket.after(at, 2 * HOUR, 20 * HOUR)
    ticket.say(
        "ticket.progressed",
        at,
        {
            "dispatch_id": f"{ticket.id}-D1",
            "text": ticket.theme.findings.format_map(ticket.slots),
            "department": ticket.theme.department,
            "handler": ticket.handler,
        },
    )
    return at


def replied(
    ticket: Ticket, at: int, number: int = 1, *, complete: bool = True, resolved: bool = True
) -> int:
    """办结回复 with its eight elements (R46); an incomplete one lacks four."""
    at = ticket.after(at, 4 * HOUR, 3 * DAY)
    theme, slots = ticket.theme, ticket.slots
    data: Data = {
        "reply_id": f"{ticket.id}-R{number}",
        "dispatch_id": f"{ticket.id}-D1",
        "department": theme.department,
        "handler": ticket.handler,
        "handling": theme.handling.format_map(slots),
        "reply_method": "not_told" if ticket.citizen is None else "phone",
        "resolved": resolved,
        "satisfied": resolved and ticket.rng.random() < 0.8,
    }
    if complete:
        data |= {
            "cause": theme.cause,
            "findings": theme.findings.format_map(slots),
            "contacted_at": stamp(at - ticket.rng.randrange(HOUR, 3 * HOUR)),
            "citizen_response": ticket.rng.choice(CITIZEN_SAID),
            "attachments": [
                {"reference": f"img/{ticket.id}-{number}.jpg", "media_type": "image/jpeg"}
            ],
        }
    ticket.say("reply.submitted", at, data)
    return at


def reviewed(ticket: Ticket, at: int, number: int = 1, *, good: bool = True) -> int:
    at = ticket.after(at, 30 * MINUTE, 8 * HOUR)
    data: Data = {
        "reply_id": f"{ticket.id}-R{number}",
        "dispatch_id": f"{ticket.id}-D1",
        "by": "Q01",
    }
    if good:
        ticket.say("reply.approved", at, data)
    else:
        missing = ["cause", "contacted_at", "citizen_response"]
        data |= {"reason": "要素不全，请补充", "missing": missing, "due_at": stamp(at + DAY)}
        ticket.say("reply.rejected", at, data)
    return at


def closed(ticket: Ticket, at: int) -> int:
    ticket.say("close.requested", at + MINUTE, {"by": ticket.handler, "resolution": "done"})
    at = ticket.after(at, 2 * MINUTE, HOUR)
    ticket.say("ticket.closed", at, {"reason": "已办结", "resolution": "done", "resolved": True})
    return at


def called_back(ticket: Ticket, at: int, *, resolved: bool = True) -> int:
    """回访 seven days after the close, at times after a try that reached nobody (R33, R36)."""
    at += 7 * DAY + ticket.rng.randrange(HOUR, 8 * HOUR)
    attempt = 1
    if ticket.citizen is None:
        return at
    if ticket.rng.random() < 0.2:
        outcome = ticket.rng.choice(("no_answer", "powered_off", "rejected", "unknown_caller"))
        data: Data = {"contacted": False, "attempt": 1, "channel": "phone", "outcome": outcome}
        ticket.say("callback.answered", at, data)
        at, attempt = at + DAY, 2
    data = {
        "contacted": True,
        "asked_by": "V01",
        "attempt": attempt,
        "channel": "phone",
        "outcome": "answered",
        "resolved": resolved,
        "satisfied": ticket.rng.choice((4, 5, 5, 3)) if resolved else ticket.rng.choice((1, 2)),
    }
    if not resolved:
        data |= {"reasons": ["not_resolved"], "text": ticket.rng.choice(UNHAPPY)}
    ticket.say("callback.answered", at, data)
    return at


def to_reply(ticket: Ticket) -> int:
    """From the call to the work being done."""
    at = accepted(ticket, dispatched(ticket, received(ticket)))
    return progressed(ticket, contacted(ticket, at))


def to_close(ticket: Ticket, at: int) -> int:
    return closed(ticket, reviewed(ticket, replied(ticket, at)))
