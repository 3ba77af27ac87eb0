"""``GET /v1/tickets/{id}``: the whole story, as of now or of any past instant (R6)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from policy.access import Grant
from policy.bundle import Bundle
from rules.stated import clocks, tasks
from rules.ticket.fold import fold
from rules.ticket.view import TicketView
from runtime.engine.ports import Unavailable
from runtime.http.problems import Problem
from runtime.http.tokens import Principal
from schemas.events import parse_event
from services.lookup import due, scope, showing
from services.lookup.store import Store, Told
from vault.originals import Kept, Vault

HOUSE_NUMBER: Final = "house_number"
"""Purpose in the log of looks, when only the place is taken from an original."""


class Stories:
    """Tells what was recorded of a ticket, to whom it may be told."""

    def __init__(self, store: Store, vault: Vault, bundle: Bundle) -> None:
        self._store = store
        self._vault = vault
        self._bundle = bundle

    async def tell(
        self, ticket: str, caller: Principal, *, now: datetime, at: datetime | None, place: bool
    ) -> dict[str, Any]:
        """The ticket, its clocks, callbacks, events and facts as known at ``at``.

        Args:
            now: decides what the caller may see: today's rights hold for the past, too.
            at: on the log's clock; None: now.
            place: whether the whole address is wanted.

        Raises:
            Problem: 404, there is none that the caller may see; 403, no right to the address.
            Unavailable: the read model does not answer.
        """
        view, grant = await self.found(ticket, caller, now)
        if place and not grant.house_number:
            raise Problem(
                403,
                "house_number_not_allowed",
                f"role {caller.role} may not see house numbers: ask without house_number",
            )
        told = await self._store.told(view, now if at is None else at)
        own = sorted(map(parse_event, told.own), key=lambda each: each.sequence or 0)
        then = view if at is None else fold(own)
        running, asked = _clocks(told), _tasks(told)
        if then is not None:
            then = due.with_due(then, running)
        unnamed = showing.is_unnamed(view, grant)
        answer: dict[str, Any] = {
            "ticket": ticket,
            "as_of": (now if at is None else at).astimezone(UTC).isoformat(),
            "exists": then is not None,
            "view": None if then is None else showing.view(then, grant),
            "verdict": _verdict(told, grant, unnamed),
            "clocks": [showing.clock(each, grant) for each in running] if grant.story else [],
            "callbacks": [showing.task(each, grant) for each in asked] if grant.story else [],
            "events": [showing.event(each, grant, unnamed=unnamed) for each in told.events],
            "facts": [showing.fact(each, grant, unnamed=unnamed) for each in told.facts],
            "degraded": [],
        }
        if place and then is not None:
            await self._add_place(answer, then, caller)
        return answer

    async def found(
        self, ticket: str, caller: Principal, now: datetime
    ) -> tuple[TicketView, Grant]:
        """The ticket and what the caller may see of it. Raises ``Problem`` 404, ``Unavailable``."""
        assert caller.role is not None, "the route asks for a role"
        assert caller.unit is not None, "a token with a role has a unit"
        policy = self._bundle.at(now)
        grant = policy.access.of_role(caller.role)
        view = await self._store.view(ticket)
        if view is None or not scope.sees(grant, policy.organisation, caller.unit, view):
            raise Problem(404, "no_such_ticket", "there is no such ticket in the caller's scope")
        return view, grant

    async def _add_place(self, answer: dict[str, Any], view: TicketView, caller: Principal) -> None:
        try:
            kept = await self._vault.original(
                view.ticket, who=f"{caller.name}@{caller.unit}", purpose=HOUSE_NUMBER
            )
        except Unavailable:
            answer["degraded"].append(HOUSE_NUMBER)
            return
        recorded = {f"{each['source']} {each['id']}" for each in answer["events"]}
        address = _address(kept, recorded)
        if address is not None:
            answer["view"].setdefault("place", {})["address"] = address


def _verdict(told: Told, grant: Grant, unnamed: bool) -> dict[str, Any] | None:
    """The repeat verdict that held: the last revision; None while there was none."""
    verdicts = [each for each in told.facts if "verdict" in each.get("data", {})]
    if not verdicts:
        return None
    found: dict[str, Any] = showing.fact(verdicts[-1], grant, unnamed=unnamed)["data"]
    return found


def _clocks(told: Told) -> list[clocks.Standing]:
    """Every clock as it stood, in the order in which they began."""
    said = (clocks.fact_of(*_parts(each)) for each in told.facts)
    return list(clocks.fold(each for each in said if each is not None).values())


def _tasks(told: Told) -> list[tasks.Standing]:
    """Every callback task as it stood."""
    said = (tasks.standing_of(*_parts(each)) for each in told.facts)
    return list(tasks.last(each for each in said if each is not None).values())


def _parts(fact: Mapping[str, Any]) -> tuple[str, str, datetime, Mapping[str, Any]]:
    recordedtime = datetime.fromisoformat(fact["recordedtime"])
    return fact["id"], fact["type"], recordedtime, fact.get("data", {})


def _address(kept: list[Kept], recorded: set[str]) -> str | None:
    """The whole address that the last of these originals gives; only of what was recorded."""
    found: tuple[str, str] | None = None
    for each in kept:
        document = orjson.loads(each.document)
        if f"{document.get('source')} {document.get('id')}" not in recorded:
            continue
        data = document.get("data")
        content: Any = data.get("changes", data) if isinstance(data, dict) else None
        place = content.get("place") if isinstance(content, Mapping) else None
        address = place.get("address") if isinstance(place, Mapping) else None
        if isinstance(address, str):
            given = (str(document.get("time")), address)
            found = max(found, given, key=lambda one: one[0]) if found else given
    return found[1] if found else None
