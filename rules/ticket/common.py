"""What every part of the fold uses. Pure."""

from datetime import UTC, datetime
from typing import TypeVar

from msgspec.structs import replace

from rules.ticket.view import KEPT, TicketView
from schemas.events import Event

T = TypeVar("T")


def kept(items: tuple[T, ...]) -> tuple[T, ...]:
    """The newest of a list."""
    return items[-KEPT:]


def utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def happened(event: Event) -> datetime:
    return event.time.astimezone(UTC)


def to_phase(view: TicketView, phase: str, at: datetime) -> TicketView:
    if view.phase == phase:
        return view
    return replace(view, phase=phase, phase_since=at)
