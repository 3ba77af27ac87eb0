"""What a ticket says, from the fields that an event sets (R6). Pure."""

from collections.abc import Collection
from datetime import UTC
from typing import Any

from msgspec.structs import replace

from rules.matter import matter_of
from rules.ticket.view import Matter, Place, TicketView
from schemas.events.tickets import TicketContent


def applied(view: TicketView, data: TicketContent, given: Collection[str]) -> TicketView:
    """The view with the content's fields named in ``given``; null empties one.

    The leaf is the envelope's word, for it also knows what came before.
    """
    changes: dict[str, Any] = {}
    for name in ("title", "text"):
        if name in given:
            changes[name] = getattr(data, name) or ""
    for name in ("category_path", "tree_version", "reply_wanted", "department"):
        if name in given:
            changes[name] = getattr(data, name)
    for name in ("leaf_source", "request_type", "urgency"):
        if name in given:
            value = getattr(data, name)
            changes[name] = None if value is None else value.value
    for name in ("anonymous", "confidential"):
        if name in given:
            changes[name] = bool(getattr(data, name))
    if "leaf" in given and data.leaf is not None and view.leaf is None:
        changes["leaf"] = data.leaf
    for name in ("due_at", "occurred_at"):
        if name in given:
            at = getattr(data, name)
            changes[name] = None if at is None else at.astimezone(UTC)
    if "matter" in given:
        changes["matter"] = _matter(data)
    if "place" in given:
        changes["place"] = _place(data)
    if "complainant" in given:
        changes.update(_complainant(data))
    return replace(view, traits=matter_of(data, view.traits), **changes)


def _matter(data: TicketContent) -> Matter | None:
    if data.matter is None:
        return None
    return Matter(data.matter.name, data.matter.credit_code, data.matter.object)


def _place(data: TicketContent) -> Place | None:
    place = data.place
    if place is None:
        return None
    return Place(
        address=place.address,
        division=place.division,
        neighbourhood=place.neighbourhood,
        grid=place.grid,
        lat=place.lat,
        lon=place.lon,
        key=place.key,
    )


def _complainant(data: TicketContent) -> dict[str, Any]:
    party = data.complainant
    if party is None:
        return {"complainant_kind": None, "on_behalf_of": None, "shared": False}
    principal = party.on_behalf_of
    return {
        "complainant_kind": party.kind.value if party.kind else None,
        "on_behalf_of": principal.citizen if principal else None,
        "shared": bool(party.shared),
    }
