"""Rows of clocks and callback tasks, from the facts of them (R25, R33).

A clock's row goes on from what is stored; where a fact comes out of order (its ticket got another
citizen, and so another partition) the clock is folded from all its facts. So it makes no difference
which partition delivers first.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson

from rules.stated import clocks, tasks
from services.readmodel import statements as sql
from services.readmodel.rows import Fact, Unfit, columns

Place = tuple[str, str]
"""Ticket, and clock or task of it."""


def clock_fact(fact: Fact) -> clocks.Fact | None:
    """What it says of a clock; None if it is of none. Raises ``Unfit``."""
    try:
        return clocks.fact_of(fact.id, fact.type, fact.recordedtime, fact.data)
    except msgspec.ValidationError as error:
        raise Unfit("invalid", f"fact {fact.id} is of no clock: {error}") from error


def task_fact(fact: Fact) -> tasks.Standing | None:
    """What it says of a task; None if it is of none. Raises ``Unfit``."""
    try:
        return tasks.standing_of(fact.id, fact.type, fact.recordedtime, fact.data)
    except msgspec.ValidationError as error:
        raise Unfit("invalid", f"fact {fact.id} is of no task: {error}") from error


async def write_clocks(connection: Any, facts: Iterable[Fact]) -> None:
    """Bring the clocks of these facts, none of which was there before, up to date."""
    news: dict[Place, list[clocks.Fact]] = {}
    for fact in facts:
        said = clock_fact(fact)
        if said is not None:
            news.setdefault((fact.ticket, said.data.clock), []).append(said)
    if not news:
        return
    places = sorted(news)
    await connection.execute(sql.CLOCK_PLACES, *columns(places, 2))
    before: dict[Place, clocks.Standing | None] = {
        (row["ticket"], row["clock"]): (
            None if row["standing"] is None else clocks.Standing.from_json(row["standing"])
        )
        for row in await connection.fetch(sql.CLOCKS_STORED, *columns(places, 2))
    }
    after: dict[Place, clocks.Standing] = {}
    for place, said_of in news.items():
        standing = _continued(before[place], said_of)
        if standing is not None:
            after[place] = standing
    late = sorted({ticket for ticket, clock in places if (ticket, clock) not in after})
    if late:
        found = await _anew(connection, late)
        after.update({place: found[place] for place in places if place not in after})
    table = (_clock_row(place, after[place]) for place in places)
    await connection.execute(sql.CLOCKS, *columns(table, 15))


async def write_tasks(connection: Any, facts: Iterable[Fact]) -> None:
    """Bring the tasks of these facts up to date; what came before changes nothing."""
    newest: dict[Place, tuple[tasks.Standing, str]] = {}
    for fact in facts:
        standing = task_fact(fact)
        if standing is None:
            continue
        place = (fact.ticket, standing.said.task)
        known = newest.get(place)
        if known is None or known[0].order <= standing.order:
            newest[place] = standing, fact.citizen
    if newest:
        table = (_task_row(place, *newest[place]) for place in sorted(newest))
        await connection.execute(sql.TASKS, *columns(table, 16))


def _continued(
    before: clocks.Standing | None, facts: Sequence[clocks.Fact]
) -> clocks.Standing | None:
    """The clock after these facts, if none of the clock is missing before or between them."""
    standing = before
    for fact in sorted(facts, key=lambda each: each.order):
        known = 0 if standing is None else standing.revision
        if fact.data.revision != known + 1:
            return None
        if standing is not None and fact.order < standing.order:
            return None
        standing = clocks.step(standing, fact)
    return standing


async def _anew(connection: Any, tickets: Sequence[str]) -> dict[Place, clocks.Standing]:
    """Every clock of these tickets, folded from all of its facts."""
    told: dict[str, list[clocks.Fact]] = {}
    for row in await connection.fetch(sql.CLOCK_FACTS, tickets):
        data = orjson.loads(row["document"])["data"]
        said = clocks.fact_of(row["id"], row["type"], row["recordedtime"], data)
        if said is not None:
            told.setdefault(row["ticket"], []).append(said)
    return {
        (ticket, clock): standing
        for ticket, facts in told.items()
        for clock, standing in clocks.fold(facts).items()
    }


def _clock_row(place: Place, standing: clocks.Standing) -> tuple[Any, ...]:
    """The columns of ``readmodel.clocks``."""
    return (
        *place,
        standing.target,
        standing.status,
        standing.deadline,
        standing.breach is not None,
        standing.warned,
        standing.paused_since,
        standing.department,
        standing.dispatch,
        standing.terms.level,
        standing.revision,
        standing.fact,
        standing.recordedtime,
        standing.to_json().decode(),
    )


def _task_row(place: Place, standing: tasks.Standing, citizen: str) -> tuple[Any, ...]:
    """The columns of ``readmodel.tasks``."""
    said = standing.said
    return (
        *place,
        citizen,
        standing.state,
        standing.live,
        said.due_at,
        said.until,
        said.slot,
        said.channel,
        said.attempt,
        said.round,
        said.department,
        said.revision,
        standing.fact,
        standing.recordedtime,
        standing.to_json().decode(),
    )
