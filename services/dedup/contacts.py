"""Contacts that no ticket was made of: counted as contacts, not as tickets (ruling 4, R17, R18)."""

from msgspec.structs import replace

from rules.words import REASONS
from runtime.processor import Effect
from schemas.events import ContactAnswered, ContactReceived
from schemas.topics import REPEATS
from services.dedup.desk import Desk
from services.dedup.facts import Occasion
from services.dedup.keys import key_of
from services.dedup.state import Link, Ruled
from services.dedup.tickets import new_contact


def came(desk: Desk, event: ContactReceived | ContactAnswered) -> None:
    """A contact on a leaf. What it says is stated when the citizen had come before with it.

    A contact is known until the ticket that was made of it comes; later news of it are of no
    interest then.
    """
    if any(
        ticket.contact == event.subject
        for state in desk.states.values()
        if state is not None
        for ticket in state.tickets
    ):
        return
    occasion = desk.occasion
    known = desk.contact(event.subject)
    before = None
    if known is not None:
        key, index = known
        before = desk.chain(key).contacts[index]
        if not desk.is_news(before):
            return
        if key != desk.home:
            desk.drop_contact(key, index)
            place = Link(before.id, before.time, 0)
            before = replace(before, link=place, ruled=None, former_leaf="")
    contact = new_contact(event, desk.leaf, occasion.now, occasion.policy, before)
    kind = "answered" if isinstance(event, ContactAnswered) else "received"
    desk.judge_contact(contact, f"contact_{kind}")


def became_ticket(desk: Desk, contact_id: str, ticket: str) -> None:
    """The ticket counts instead; what was said of the contact is taken back."""
    known = desk.contact(contact_id)
    if known is None:
        return
    contact = desk.drop_contact(*known)
    if contact.revision:
        desk.take_back(known[0], contact, Ruled("new", "became_ticket", ticket), "ticket_received")


def of_named(occasion: Occasion) -> tuple[Effect, ...]:
    """A contact about a ticket, without a leaf: where that ticket stands is not known here."""
    event = occasion.event
    if not isinstance(event, ContactReceived | ContactAnswered) or not event.data.ticket:
        return ()
    reason = REASONS["asked_about_ticket"]
    words = {"case": event.data.ticket}
    local = event.time.astimezone(occasion.policy.time_zone)
    channel = event.data.channel if isinstance(event, ContactReceived) else None
    kind = "answered" if isinstance(event, ContactAnswered) else "received"
    data = {
        "verdict": "candidate",
        "reason": "asked_about_ticket",
        "rule": reason.rule,
        "reason_en": reason.en.format_map(words),
        "reason_zh": reason.zh.format_map(words),
        "dimensions": {
            "channel": channel.value if channel else None,
            "month": f"{local.year:04d}-{local.month:02d}",
            "request_type": event.data.request_type.value if event.data.request_type else None,
        },
        "counted": False,
        "recontact": True,
        "subject_kind": "contact",
        "rests_on": {"ticket": event.data.ticket, "score": 1.0, "parts": {"linked": 1.0}},
        "revision": 0,
        "cause": f"contact_{kind}",
    }
    key = key_of(occasion.citizen, "")
    fact_id = occasion.fact_id("candidate", event.subject, 0, key)
    fact = occasion.fact(fact_id, event.subject, data)
    return (Effect(REPEATS, occasion.citizen, fact),)
