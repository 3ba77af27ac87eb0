"""``GET /v1/worklist``: open clocks of a unit, by level, then deadline (R28, R65).

``GET /v1/callbacks``: callbacks to be made, for a dialler (R33).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from policy.access import Grant, Purpose, Scope
from policy.bundle import Bundle
from policy.organisation import Organisation
from rules.stated import clocks, tasks
from runtime.http.problems import Problem
from runtime.http.tokens import Principal
from services.lookup import paging, scope, showing, wording
from services.lookup.store import Store

LAST_LEVEL: Final = 9
"""Stands for none: after every level."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Worklists:
    """What is to be done, in the order in which it is."""

    def __init__(self, store: Store, bundle: Bundle) -> None:
        self._store = store
        self._bundle = bundle

    async def clocks(
        self, unit: str | None, caller: Principal, now: datetime, *, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Open clocks of the unit and those below it.

        Args:
            unit: None: all that the caller may see.

        Raises:
            Problem: 403, not of the caller's scope or role; 422, no cursor of ours.
            Unavailable: the database does not answer.
        """
        policy = self._bundle.at(now)
        grant = self._grant(caller, now)
        if not grant.story:
            raise Problem(
                403, "role_not_allowed", f"role {caller.role} works on no tickets: no worklist"
            )
        organisation = policy.organisation
        after = paging.place_of(cursor, (-1, _BEGINNING, "", ""))
        rows = await self._store.open_clocks(
            _units(unit, caller, grant, organisation), after, limit + 1
        )
        shown = [_clock(row, grant, organisation, now) for row in rows[:limit]]
        last = _clock_place(rows[limit - 1]) if len(rows) > limit else None
        return {"clocks": shown, "next": None if last is None else paging.cursor_of(last)}

    async def callbacks(
        self, caller: Principal, now: datetime, *, due: bool, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Live tasks, the earliest first; no numbers: those are asked for one by one, and logged.

        Args:
            due: only those to be called now.

        Raises:
            Problem: 403, the role calls nobody back; 422, no cursor of ours.
            Unavailable: the database does not answer.
        """
        grant = self._grant(caller, now)
        if Purpose.CALLBACK not in grant.purposes:
            raise Problem(403, "role_not_allowed", f"role {caller.role} calls nobody back")
        units = _units(None, caller, grant, self._bundle.at(now).organisation)
        after = paging.place_of(cursor, (_BEGINNING, "", ""))
        rows = await self._store.live_tasks(units, after, limit + 1, due_at=now if due else None)
        last = _task_place(rows[limit - 1]) if len(rows) > limit else None
        return {
            "callbacks": [_task(row, grant) for row in rows[:limit]],
            "next": None if last is None else paging.cursor_of(last),
        }

    def _grant(self, caller: Principal, now: datetime) -> Grant:
        assert caller.role is not None, "the route asks for a role"
        return self._bundle.at(now).access.of_role(caller.role)


def _units(
    unit: str | None, caller: Principal, grant: Grant, organisation: Organisation
) -> list[str] | None:
    """Names of the units asked for; None: all. Raises ``Problem``."""
    assert caller.unit is not None, "a token with a role has a unit"
    if grant.scope is Scope.ALL:
        return None if unit is None else sorted(scope.subtree_of(organisation, unit))
    own = scope.subtree_of(organisation, caller.unit)
    asked = caller.unit if unit is None else unit
    if asked not in own:
        raise Problem(
            403,
            "unit_not_in_scope",
            f"unit {asked!r} is not {caller.unit!r} or below it: ask for one that is",
        )
    known = organisation.find(asked)
    return sorted(scope.subtree_of(organisation, asked if known is None else known.code))


def _clock(
    row: Mapping[str, Any], grant: Grant, organisation: Organisation, now: datetime
) -> dict[str, Any]:
    standing = clocks.Standing.from_json(row["standing"])
    # A department answers for its own clock; for the citizen's, who has the open step (R5).
    unit = standing.department or row["owner_unit"]
    person = standing.handler if standing.department else row["owner_person"]
    shown: dict[str, Any] = {
        "ticket": row["ticket"],
        "leaf": row["leaf"],
        "step": row["step"],
        "level": standing.terms.level,
        "overdue": standing.deadline is not None and standing.deadline < now,
        "owner": {
            "unit": unit,
            "unit_name": None if unit is None else wording.unit_name(unit, organisation),
            "person": person,
        },
        **showing.clock(standing, grant),
    }
    if grant.text:
        shown["title"] = row["title"] or ""
    return shown


def _task(row: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    standing = tasks.Standing.from_json(row["standing"])
    # Whoever may call back asks for the number by the pseudonym, also of a confidential ticket.
    return {
        "ticket": row["ticket"],
        "citizen": row["citizen"],
        **showing.task(standing, grant),
    }


def _clock_place(row: Mapping[str, Any]) -> tuple[object, ...]:
    standing = clocks.Standing.from_json(row["standing"])
    level = standing.terms.level
    return (
        LAST_LEVEL if level is None else level,
        standing.deadline,
        row["ticket"],
        standing.clock,
    )


def _task_place(row: Mapping[str, Any]) -> tuple[object, ...]:
    said = tasks.Standing.from_json(row["standing"]).said
    return said.due_at, row["ticket"], said.task
