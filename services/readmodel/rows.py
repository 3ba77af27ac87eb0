"""From records of the log and of facts to what stands in the tables. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from rules.ticket import stages
from rules.ticket.brief import brief_of
from rules.ticket.view import Dispatch, TicketView
from runtime.processor import Record
from schemas.events import CallRecorded, ContactAnswered, ContactReceived, Event, parse_event

DETAIL_CHARS: Final = 500
"""Of what could not be read: a sentence for a person; the bytes are in Kafka."""
_NUL: Final = "\x00"
_REPLACEMENT: Final = "�"


class Unfit(Exception):
    """The record gives no row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:DETAIL_CHARS]


class LogEntry(NamedTuple):
    """An event of the log, as it is folded and as it is kept."""

    event: Event
    document: str
    about: str | None
    partition: int
    position: int

    @property
    def key(self) -> tuple[str, int]:
        return self.event.subject, self.event.sequence or 0


class Fact(NamedTuple):
    """A fact of any service, as far as every fact is alike."""

    id: str
    topic: str
    type: str
    ticket: str
    citizen: str
    recordedtime: datetime
    partition: int
    position: int
    document: str
    data: Mapping[str, Any]


def entry_of(record: Record) -> LogEntry:
    """Raises ``Unfit``."""
    content = _cleaned(record)
    try:
        event = parse_event(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unfit("invalid", f"{where}: {first['msg']}") from error
    if event.recordedtime is None or event.sequence is None:
        raise Unfit(
            "invalid", f"{event.identity} has no recordedtime or sequence; only intake writes here"
        )
    return LogEntry(event, content.decode(), _about(event), record.partition, record.offset)


def fact_of(record: Record) -> Fact:
    """Raises ``Unfit``."""
    content = _cleaned(record)
    document = orjson.loads(content)
    values: dict[str, str] = {}
    for name in ("id", "type", "subject", "recordedtime"):
        value = document.get(name)
        if not isinstance(value, str) or not value:
            raise Unfit("invalid", f"{name} is {value!r}: a fact has a text there")
        values[name] = value
    data = document.get("data")
    if not isinstance(data, dict):
        raise Unfit("invalid", f"data of {values['id']} is no object")
    citizen = document.get("citizen")
    return Fact(
        id=values["id"],
        topic=record.topic.name,
        type=values["type"],
        ticket=values["subject"],
        citizen=citizen if isinstance(citizen, str) else "",
        recordedtime=_instant(values["recordedtime"]),
        partition=record.partition,
        position=record.offset,
        document=content.decode(),
        data=data,
    )


def verdict_row(fact: Fact) -> tuple[Any, ...]:
    """The columns of ``readmodel.verdicts``. Raises ``Unfit``."""
    data = fact.data
    words = [data.get(name) for name in ("verdict", "reason", "rule")]
    revision = data.get("revision")
    if not all(isinstance(word, str) for word in words) or not isinstance(revision, int):
        raise Unfit("invalid", f"fact {fact.id} lacks verdict, reason, rule or revision")
    chain = data.get("chain")
    first = chain.get("first_ticket") if isinstance(chain, dict) else None
    return (
        fact.ticket,
        fact.citizen,
        *words,
        first,
        _case(data),
        revision,
        fact.id,
        fact.recordedtime,
        fact.partition,
        fact.position,
        fact.document,
    )


def _case(data: Mapping[str, Any]) -> str | None:
    """The earlier ticket that the verdict rests on."""
    for part, name in (("rests_on", "ticket"), ("mark", "earlier_ticket")):
        given = data.get(part)
        found = given.get(name) if isinstance(given, dict) else None
        if isinstance(found, str) and found:
            return found
    return None


def newest_verdicts(facts: Iterable[Fact]) -> list[Fact]:
    """The last of each ticket, in the order of tickets."""
    last = {fact.ticket: fact for fact in facts}
    return [last[ticket] for ticket in sorted(last)]


def ticket_row(view: TicketView) -> tuple[Any, ...]:
    """The columns of ``readmodel.tickets``."""
    owner = view.step.owner if view.step else None
    leading = stages.leading(view.dispatches)
    last = leading or (view.dispatches[-1] if view.dispatches else None)
    return (
        view.ticket,
        view.kind,
        view.citizen,
        view.sequence,
        view.phase,
        view.step.name if view.step else None,
        owner.unit if owner else None,
        owner.person if owner else None,
        view.leaf,
        view.request_type,
        view.channel,
        view.place.division if view.place else None,
        last.department if last else None,
        view.department,
        view.received_at,
        view.step.due_at if view.step else None,
        view.recordedtime,
        brief_of(view).to_json().decode(),
        view.to_json().decode(),
    )


def dispatch_rows(view: TicketView) -> list[tuple[Any, ...]]:
    """The columns of ``readmodel.dispatches``: the live ones."""
    return [
        (
            view.ticket,
            each.number,
            each.id,
            each.department,
            each.team,
            each.handler,
            each.role,
            view.citizen,
            each.at,
            each.accept_due_at,
            each.reply_due_at,
        )
        for each in _live(view)
    ]


def dispatches_changed(before: TicketView | None, after: TicketView) -> bool:
    """Whether the rows of the ticket's live dispatches are others now."""
    if before is None:
        return bool(_live(after))
    return _live(before) != _live(after) or before.citizen != after.citizen


def became_ticket(before: TicketView | None, after: TicketView) -> bool:
    """Whether what looked like a contact is a ticket."""
    return before is not None and before.kind == "contact" and after.kind == "ticket"


def contact_row(view: TicketView) -> tuple[Any, ...]:
    """The columns of ``readmodel.contacts``."""
    return (
        view.ticket,
        view.citizen,
        view.about,
        view.received_at,
        view.channel,
        view.leaf,
        view.agent,
        view.answered,
        view.recordedtime,
    )


def columns(table: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows to one array a column, as ``unnest`` wants them."""
    found: list[list[Any]] = [[] for _ in range(width)]
    for row in table:
        for column, value in zip(found, row, strict=True):
            column.append(value)
    return found


def _live(view: TicketView) -> tuple[Dispatch, ...]:
    if view.kind != "ticket" or view.phase not in stages.OPEN:
        return ()
    return tuple(each for each in view.dispatches if each.live)


def _about(event: Event) -> str | None:
    if isinstance(event, ContactReceived | ContactAnswered | CallRecorded):
        ticket = event.data.ticket
        return ticket if ticket != event.subject else None
    return None


def _cleaned(record: Record) -> bytes:
    """The JSON as PostgreSQL can keep it: it has no character NUL."""
    value = record.value or b""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unfit("not_json", str(error)) from error
    if not isinstance(document, dict):
        raise Unfit("invalid", f"{type(document).__name__} is no object")
    if b"\\u0000" in value:
        return orjson.dumps(_without_nul(document))
    return value


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_NUL, _REPLACEMENT)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return value


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit("invalid", f"recordedtime is {text!r}: no instant") from error
    if found.tzinfo is None:
        raise Unfit("invalid", f"recordedtime is {text!r}: it lacks an offset")
    return found.astimezone(UTC)
