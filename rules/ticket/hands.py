"""The dispatches of a view: find the one meant, put one in its place. Pure."""

from datetime import datetime

from msgspec.structs import replace

from rules.ticket import stages
from rules.ticket.common import kept, utc
from rules.ticket.view import Dispatch, TicketView
from schemas.events.dispatches import DispatchTerms
from schemas.events.tickets import ImportedDispatch


def added(view: TicketView, terms: DispatchTerms, at: datetime) -> TicketView:
    """The dispatch as the newest one; given again under its id, in its old place."""
    known = by_id(view, terms.dispatch_id)
    imported = terms if isinstance(terms, ImportedDispatch) else None
    made = Dispatch(
        number=known.number if known else view.counts.dispatches + 1,
        id=terms.dispatch_id,
        parent=terms.parent_dispatch_id,
        department=terms.department,
        team=terms.team,
        handler=terms.handler,
        role=terms.role.value if terms.role else "lead",
        at=at,
        accept_due_at=utc(terms.accept_due_at),
        contact_due_at=utc(terms.contact_due_at),
        reply_due_at=utc(terms.reply_due_at),
        accepted_at=utc(imported.accepted_at) if imported else None,
        contacted_at=utc(imported.contacted_at) if imported else None,
        replied_at=utc(imported.replied_at) if imported else None,
        returned_at=utc(imported.returned_at) if imported else None,
    )
    if known is not None:
        return with_dispatch(view, made)
    counts = replace(view.counts, dispatches=view.counts.dispatches + 1)
    return replace(view, dispatches=kept((*view.dispatches, made)), counts=counts)


def ended(view: TicketView, at: datetime) -> TicketView:
    """Nobody works on it any more."""
    return replace(
        view,
        hold_since=None,
        dispatches=tuple(
            replace(each, ended_at=at) if each.live else each for each in view.dispatches
        ),
    )


def by_id(view: TicketView, dispatch_id: str | None) -> Dispatch | None:
    if dispatch_id is None:
        return None
    return next((each for each in reversed(view.dispatches) if each.id == dispatch_id), None)


def meant(
    view: TicketView, dispatch_id: str | None, department: str | None = None
) -> Dispatch | None:
    """The dispatch that an event is about: by id, by department, else the one that leads."""
    found = by_id(view, dispatch_id)
    if found is not None or dispatch_id is not None:
        return found
    if department is not None:
        mine = [each for each in view.dispatches if each.department == department]
        return next((each for each in reversed(mine) if each.live), mine[-1] if mine else None)
    if (leading := stages.leading(view.dispatches)) is not None:
        return leading
    return view.dispatches[-1] if view.dispatches else None


def with_dispatch(view: TicketView, dispatch: Dispatch) -> TicketView:
    """The dispatch in the place of the one with its number."""
    return replace(
        view,
        dispatches=tuple(
            dispatch if each.number == dispatch.number else each for each in view.dispatches
        ),
    )
