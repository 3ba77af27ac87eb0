"""What the look-ups ask of the read model; each answer in one or two round trips."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from rules.ticket.brief import Brief
from rules.ticket.view import TicketView
from runtime.database import Database
from services.lookup import due

TICKETS_AT_MOST: Final = 60
"""Of a person, the newest: more than any rule looks back on (``keep_tickets``), few enough to read
while the citizen is on the line."""
EVENTS_AT_MOST: Final = 2_000
"""Of a ticket's story."""
LINKED_AT_MOST: Final = 50

# $1 is the citizen, $2 how many pseudonyms at most.
_MEMBERS = """
    WITH RECURSIVE members (citizen) AS (
        SELECT $1::text
        UNION
        SELECT linked.citizen FROM members AS m CROSS JOIN LATERAL (
            SELECT second FROM readmodel.links WHERE first = m.citizen
            UNION ALL
            SELECT first FROM readmodel.links WHERE second = m.citizen
        ) AS linked (citizen)
    ), persons AS (SELECT citizen FROM members LIMIT $2)
"""
_OF_MEMBERS = " SELECT citizen FROM persons"
_TICKETS = """
    SELECT t.brief, v.verdict, v.reason, v.case_ticket, v.first_ticket,
           (v.document #>> '{data,chain,position}')::int AS position,
           k.running, coalesce(k.paused, false) AS paused,
           (SELECT count(*) FROM persons) AS members
    FROM persons AS p CROSS JOIN LATERAL (
        SELECT ticket, received_at, brief FROM readmodel.tickets
        WHERE citizen = p.citizen AND kind = 'ticket'
        ORDER BY received_at DESC NULLS LAST LIMIT $3
    ) AS t LEFT JOIN readmodel.verdicts AS v ON v.ticket = t.ticket
    CROSS JOIN LATERAL (
        SELECT min(deadline) FILTER (WHERE status = 'running') AS running,
               bool_or(status = 'paused') AS paused
        FROM readmodel.clocks WHERE ticket = t.ticket AND target = 'resolve'
    ) AS k
    ORDER BY t.received_at DESC NULLS LAST LIMIT $3
"""
TICKETS_OF: Final = _MEMBERS + _TICKETS
PERSONS: Final = _MEMBERS + _OF_MEMBERS
VIEW: Final = "SELECT view FROM readmodel.tickets WHERE ticket = $1 AND view IS NOT NULL"
# The contact that a ticket was made from names no ticket yet. What the ticket calls its contact
# may be anything: another ticket's story is not shown with it.
EVENTS: Final = """
    SELECT ticket, document FROM readmodel.events
    WHERE recordedtime <= $3 AND (
        ticket = $1
        OR (about = $1 OR ticket = $2)
        AND (type LIKE 'hotline.contact.%' OR type LIKE 'hotline.call.%')
    )
    ORDER BY recordedtime, ticket, sequence LIMIT $4
"""
FACTS: Final = """
    SELECT document FROM readmodel.facts
    WHERE ticket = $1 AND recordedtime <= $2
    ORDER BY recordedtime, partition, position LIMIT $3
"""
LIVE: Final = "SELECT department FROM readmodel.dispatches WHERE ticket = $1"
CALLING: Final = "SELECT EXISTS (SELECT FROM readmodel.tasks WHERE ticket = $1 AND live)"
# A page begins after the place in $1 to $4; what has no level or no deadline comes last (R28).
_CLOCK_COLUMNS = """
    SELECT c.ticket, c.standing, t.leaf, t.step, t.owner_unit, t.owner_person,
           t.brief ->> 'title' AS title
    FROM
"""
_CLOCK_PAGE = """
    AS c LEFT JOIN readmodel.tickets AS t ON t.ticket = c.ticket
    WHERE c.status IN ('running', 'paused')
        AND (coalesce(c.level, 9), coalesce(c.deadline, 'infinity'), c.ticket, c.clock)
            > ($1::int, coalesce($2::timestamptz, 'infinity'), $3::text, $4::text)
    ORDER BY coalesce(c.level, 9), coalesce(c.deadline, 'infinity'), c.ticket, c.clock
    LIMIT $5
"""
# A clock of no department is the citizen's: it is with who answers for the open step.
_CLOCKS_OF_UNITS = """
    (
        SELECT * FROM readmodel.clocks
        WHERE status IN ('running', 'paused') AND department = ANY($6::text[])
        UNION ALL
        SELECT mine.* FROM readmodel.tickets AS o
        JOIN readmodel.clocks AS mine ON mine.ticket = o.ticket
        WHERE o.step IS NOT NULL AND o.owner_unit = ANY($6::text[])
            AND mine.status IN ('running', 'paused') AND mine.department IS NULL
    )
"""
OPEN_CLOCKS: Final = _CLOCK_COLUMNS + "readmodel.clocks" + _CLOCK_PAGE
OPEN_CLOCKS_OF_UNITS: Final = _CLOCK_COLUMNS + _CLOCKS_OF_UNITS + _CLOCK_PAGE
LIVE_TASKS: Final = """
    SELECT k.ticket, k.citizen, k.standing
    FROM readmodel.tasks AS k
    WHERE k.live
        AND (coalesce(k.due_at, 'infinity'), k.ticket, k.task)
            > (coalesce($1::timestamptz, 'infinity'), $2::text, $3::text)
        AND ($5::text[] IS NULL OR k.department = ANY($5::text[]))
        AND ($6::timestamptz IS NULL OR (k.state = 'due' AND k.until > $6::timestamptz))
    ORDER BY coalesce(k.due_at, 'infinity'), k.ticket, k.task
    LIMIT $4
"""


class Found(NamedTuple):
    """A ticket of a person, with the verdict that holds."""

    brief: Brief
    verdict: str | None
    reason: str | None
    case: str | None
    """The earlier ticket that the verdict rests on."""
    first: str | None
    """首次投诉 of its chain."""
    position: int | None
    """In its chain."""
    running: datetime | None = None
    """Deadline of the whole matter (办结), as sla keeps it."""
    paused: bool = False
    """Whether that clock stands still."""

    @property
    def due_at(self) -> datetime | None:
        """Until when the citizen may expect an end; None for a ticket that has ended."""
        step = self.brief.step
        return None if step is None else due.earliest(self.running, step.due_at, paused=self.paused)


class Person(NamedTuple):
    """A person's tickets, the newest first."""

    tickets: Sequence[Found]
    linked: int
    """Pseudonyms that are this person."""


class Told(NamedTuple):
    """All that was recorded of a ticket by an instant."""

    events: Sequence[dict[str, Any]]
    """Its own, and those of contacts and calls about it, as they were recorded."""
    own: Sequence[str]
    """JSON of its own events."""
    facts: Sequence[dict[str, Any]]


class Store:
    """Reads; never writes. Every method may raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tickets_of(self, citizen: str) -> Person:
        """Tickets of the person with this pseudonym, linked ones included (R12)."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(TICKETS_OF, citizen, LINKED_AT_MOST, TICKETS_AT_MOST)
        tickets = [Found(Brief.from_json(row["brief"]), *list(row)[1:8]) for row in rows]
        return Person(tickets, rows[0]["members"] if rows else 1)

    async def view(self, ticket: str) -> TicketView | None:
        """The ticket as it stands."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(VIEW, ticket)
        return None if found is None else TicketView.from_json(found)

    async def told(self, view: TicketView, at: datetime) -> Told:
        """What was recorded of the ticket up to an instant, in that order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(EVENTS, view.ticket, view.contact_id, at, EVENTS_AT_MOST)
            facts = await connection.fetch(FACTS, view.ticket, at, EVENTS_AT_MOST)
        return Told(
            [orjson.loads(row["document"]) for row in rows],
            [row["document"] for row in rows if row["ticket"] == view.ticket],
            [orjson.loads(row["document"]) for row in facts],
        )

    async def working_on(self, ticket: str) -> list[str | None]:
        """Units of the live dispatches of a ticket."""
        async with self._database.connection() as connection:
            return [row["department"] for row in await connection.fetch(LIVE, ticket)]

    async def is_to_be_asked(self, ticket: str) -> bool:
        """Whether a callback task of the ticket is live (R33)."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(CALLING, ticket))

    async def open_clocks(
        self, units: Sequence[str] | None, after: tuple[Any, ...], limit: int
    ) -> list[Any]:
        """Open clocks behind a place, by level, then deadline; None: of every unit."""
        async with self._database.connection() as connection:
            if units is None:
                return list(await connection.fetch(OPEN_CLOCKS, *after, limit))
            return list(await connection.fetch(OPEN_CLOCKS_OF_UNITS, *after, limit, units))

    async def live_tasks(
        self,
        units: Sequence[str] | None,
        after: tuple[Any, ...],
        limit: int,
        *,
        due_at: datetime | None,
    ) -> list[Any]:
        """Callbacks to be made behind a place, the earliest first; ``due_at``: those to be called
        at that instant."""
        async with self._database.connection() as connection:
            return list(await connection.fetch(LIVE_TASKS, *after, limit, units, due_at))

    async def persons(self, citizen: str) -> frozenset[str]:
        """All pseudonyms of the person, this one among them."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(PERSONS, citizen, LINKED_AT_MOST)
        return frozenset(row["citizen"] for row in rows)

    async def close(self) -> None:
        await self._database.close()
