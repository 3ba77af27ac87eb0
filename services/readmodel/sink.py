"""Writes the log and the facts into the tables, a batch at a time (I5, F4)."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rules.ticket import fold, stages
from rules.ticket.view import TicketView
from runtime.metrics import METRICS, TICKETS_WITHOUT_OWNER, Metrics
from runtime.processor import Note, Record
from schemas.events import IdentityLinked, parse_event
from schemas.topics import CALLBACKS, FACTS, REPEATS, SLA, TICKETS, Topic
from services.readmodel import rows, standing
from services.readmodel import statements as sql
from services.readmodel.rows import Fact, LogEntry, Unfit

OWNERS_EVERY_SECONDS: Final = 15.0
"""Between two counts of steps without an owner. Rarer: the alarm (R5) is that much later."""

_CHECKS: Final[Mapping[str, Callable[[Fact], Any]]] = {
    REPEATS.name: rows.verdict_row,
    SLA.name: standing.clock_fact,
    CALLBACKS.name: standing.task_fact,
}
"""What a fact of the topic must give; raises ``Unfit``."""


class ReadModel:
    """The ``Sink`` of the read model; ``runtime/delivery`` calls it within its transactions."""

    name = "readmodel"
    topics: tuple[Topic, ...] = (TICKETS, *FACTS)

    def __init__(
        self, *, metrics: Metrics = METRICS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._counted_at: float | None = None

    async def write(
        self, connection: Any, topic: Topic, partition: int, records: Sequence[Record]
    ) -> Sequence[Note]:
        """Rows of consecutive records; what cannot be read is noted down and passed over."""
        if topic.name == TICKETS.name:
            unfit = await self._write_log(connection, records)
        else:
            unfit = await self._write_facts(connection, topic, records)
        notes: list[Note] = []
        if unfit:
            await connection.execute(sql.UNREADABLE, *rows.columns(unfit, 5))
            notes = [("readmodel_unreadable", (topic.name, row[3])) for row in unfit]
        await self._count_owners(connection)
        return notes

    async def clear(self, connection: Any) -> None:
        """As ``Sink.clear``."""
        await connection.execute(sql.CLEAR)

    async def _write_log(self, connection: Any, records: Sequence[Record]) -> list[tuple[Any, ...]]:
        entries: list[LogEntry] = []
        unfit: list[tuple[Any, ...]] = []
        for record in records:
            try:
                entries.append(rows.entry_of(record))
            except Unfit as error:
                unfit.append(_unfit_row(record, error))
        if not entries:
            return unfit
        written = await connection.fetch(sql.EVENTS, *rows.columns(map(_event_row, entries), 9))
        fresh = {(row["ticket"], row["sequence"]) for row in written}
        news: dict[str, list[LogEntry]] = {}
        for entry in entries:
            if entry.key in fresh:
                fresh.discard(entry.key)
                news.setdefault(entry.event.subject, []).append(entry)
        if news:
            await self._refresh(connection, news)
        return unfit

    async def _refresh(self, connection: Any, news: Mapping[str, Sequence[LogEntry]]) -> None:
        """Bring the views of these tickets up to date."""
        tickets = sorted(news)
        await connection.execute(sql.PLACES, tickets)
        before: dict[str, TicketView | None] = {
            row["ticket"]: None if row["view"] is None else TicketView.from_json(row["view"])
            for row in await connection.fetch(sql.VIEWS, tickets)
        }
        after: dict[str, TicketView] = {}
        for ticket, entries in news.items():
            view = _continued(before[ticket], entries)
            if view is not None:
                after[ticket] = view
        after.update(await self._anew(connection, [each for each in tickets if each not in after]))
        views = [after[ticket] for ticket in tickets]
        await connection.execute(sql.TICKETS, *rows.columns(map(rows.ticket_row, views), 19))
        moved = [view for view in views if rows.dispatches_changed(before[view.ticket], view)]
        if moved:
            await connection.execute(sql.DISPATCHES_GONE, [view.ticket for view in moved])
            live = [row for view in moved for row in rows.dispatch_rows(view)]
            if live:
                await connection.execute(sql.DISPATCHES, *rows.columns(live, 11))
        contacts = [rows.contact_row(view) for view in views if view.kind == "contact"]
        if contacts:
            await connection.execute(sql.CONTACTS, *rows.columns(contacts, 9))
        # Calls may come before anything says that their subject is a ticket.
        turned = [each.ticket for each in views if rows.became_ticket(before[each.ticket], each)]
        if turned:
            await connection.execute(sql.CONTACTS_GONE, turned)
        links = sorted({row for entries in news.values() for row in _links(entries)})
        if links:
            await connection.execute(sql.LINKS, *rows.columns(links, 4))

    async def _anew(self, connection: Any, tickets: Sequence[str]) -> dict[str, TicketView]:
        """Fold these from all of their events: something came out of order."""
        if not tickets:
            return {}
        stories: dict[str, list[Any]] = {}
        for row in await connection.fetch(sql.STORIES, tickets):
            stories.setdefault(row["ticket"], []).append(parse_event(row["document"]))
        found: dict[str, TicketView] = {}
        for ticket, events in stories.items():
            view = fold.fold(events)
            assert view is not None, "a ticket with news has an event"
            found[ticket] = view
        return found

    async def _write_facts(
        self, connection: Any, topic: Topic, records: Sequence[Record]
    ) -> list[tuple[Any, ...]]:
        facts: list[Fact] = []
        unfit: list[tuple[Any, ...]] = []
        for record in records:
            try:
                fact = rows.fact_of(record)
                if (check := _CHECKS.get(topic.name)) is not None:
                    check(fact)
            except Unfit as error:
                unfit.append(_unfit_row(record, error))
            else:
                facts.append(fact)
        if not facts:
            return unfit
        table = (fact[:9] for fact in facts)
        written = await connection.fetch(sql.FACTS, *rows.columns(table, 9))
        fresh = {row["id"] for row in written}
        match topic.name:
            case REPEATS.name:
                last = map(rows.verdict_row, rows.newest_verdicts(facts))
                await connection.execute(sql.VERDICTS, *rows.columns(last, 13))
            case SLA.name:
                news = {fact.id: fact for fact in facts if fact.id in fresh}
                await standing.write_clocks(connection, news.values())
            case CALLBACKS.name:
                await standing.write_tasks(connection, facts)
        return unfit

    async def _count_owners(self, connection: Any) -> None:
        """How many open steps nobody answers for (R5), seen from here; every worker sees all."""
        now = self._clock()
        if self._counted_at is not None and now - self._counted_at < OWNERS_EVERY_SECONDS:
            return
        self._counted_at = now
        found = {row["step"]: row["tickets"] for row in await connection.fetch(sql.WITHOUT_OWNER)}
        for step in stages.STEPS:
            self._metrics.set(TICKETS_WITHOUT_OWNER, found.get(step, 0), step=step)


def _continued(before: TicketView | None, entries: Sequence[LogEntry]) -> TicketView | None:
    """The view with these events added, if none before or between them is missing."""
    view = before
    for entry in sorted(entries, key=lambda each: each.key):
        known = 0 if view is None else view.sequence
        if view is not None and view.counts.events != known:
            return None
        if entry.event.sequence != known + 1:
            return None
        view = fold.step(view, entry.event)
    return view


def _event_row(entry: LogEntry) -> tuple[Any, ...]:
    event = entry.event
    return (
        event.subject,
        event.sequence,
        event.type,
        event.citizen or f"anon:{event.subject}",
        entry.about,
        event.recordedtime,
        entry.partition,
        entry.position,
        entry.document,
    )


def _links(entries: Iterable[LogEntry]) -> list[tuple[Any, ...]]:
    found = []
    for entry in entries:
        event = entry.event
        if isinstance(event, IdentityLinked):
            first, second = event.data.first.citizen, event.data.second.citizen
            if first and second and first != second:
                found.append((first, second, event.subject, event.recordedtime))
    return found


def _unfit_row(record: Record, error: Unfit) -> tuple[Any, ...]:
    return record.topic.name, record.partition, record.offset, error.reason, error.detail
