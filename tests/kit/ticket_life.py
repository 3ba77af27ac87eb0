"""The life of tickets in front of the sla service, in memory and in virtual time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from policy.bundle import Bundle, load
from runtime.core import to_ms
from runtime.driver import Driver, Written
from runtime.processor import Record
from schemas.facts.sla import SLA_TYPES
from schemas.topics import COMMANDS, DEAD_LETTERS, INBOX, NOTICES, SLA, TICKETS
from services.sla.domain import Sla
from services.sla.state import State, Stated

BEIJING = ZoneInfo("Asia/Shanghai")
MODELS = {model.model_fields["type"].default: model for model in SLA_TYPES}


def local(text: str) -> datetime:
    """``"03-02 09:00"`` of 2026 in Beijing, or a whole ISO date and time."""
    whole = text if text[4:5] == "-" else f"2026-{text}"
    at = datetime.fromisoformat(whole)
    return at if at.tzinfo is not None else at.replace(tzinfo=BEIJING)


def happening(
    type_: str,
    at: str | datetime,
    *,
    ticket: str = "T-1",
    citizen: str | None = "c:ab",
    leaf: str | None = "city.order.stall",
    recorded: str | datetime | None = None,
    sequence: int = 0,
    **data: Any,
) -> dict[str, Any]:
    """An event of the log as intake writes it."""
    time = local(at) if isinstance(at, str) else at
    known = time if recorded is None else recorded
    known = local(known) if isinstance(known, str) else known
    return {
        "specversion": "1.0",
        "id": f"{ticket}-{type_}-{time.isoformat()}",
        "source": "cn.test",
        "type": f"hotline.{type_}.v1",
        "time": time.isoformat(),
        "subject": ticket,
        "citizen": citizen or f"anon:{ticket}",
        "sequence": sequence or None,
        "recordedtime": known.isoformat(),
        "policyversion": "test",
        "leaf": leaf,
        "data": {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in data.items()
        },
    }


class TicketLife:
    """Feeds the log of one or more tickets to ``Sla``; every fact is held against its model."""

    def __init__(self, bundle: Bundle | str = "cn-12345") -> None:
        self.facts: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.letters: list[Written] = []
        self._sequences: dict[str, int] = {}
        self._now_ms = 0
        loaded = load(bundle) if isinstance(bundle, str) else bundle
        self.driver = Driver([Sla()], loaded, self._take)

    def _take(self, written: Written) -> None:
        if written.topic.name == DEAD_LETTERS.name:
            self.letters.append(written)
            return
        assert written.value is not None
        document = orjson.loads(written.value)
        if written.topic.name == SLA.name:
            MODELS[document["type"]].model_validate_json(written.value)
            self.facts.append(document)
        elif written.topic.name == NOTICES.name:
            self.notices.append(document)
        elif written.topic.name == COMMANDS.name:
            self.commands.append(document)
        else:
            assert written.topic.name == INBOX.name, written.topic.name

    def event(self, type_: str, at: str | datetime, **given: Any) -> dict[str, Any]:
        """One more event, recorded at its time unless ``recorded`` says later."""
        ticket = given.get("ticket", "T-1")
        if not given.get("sequence"):
            given["sequence"] = self._sequences.get(ticket, 0) + 1
        self._sequences[ticket] = max(self._sequences.get(ticket, 0), given["sequence"])
        document = happening(type_, at, **given)
        self.feed(document)
        return document

    def feed(self, document: dict[str, Any]) -> None:
        """An event as it is."""
        at = datetime.fromisoformat(document["recordedtime"])
        self._now_ms = max(self._now_ms, to_ms(at))
        value = orjson.dumps(document)
        self.driver.feed(Record(TICKETS, 0, 0, b"c", value, self._now_ms))
        self._check()

    def events(self, documents: Iterable[dict[str, Any]]) -> None:
        for document in documents:
            self.feed(document)

    def until(self, at: str | datetime) -> None:
        """Let time pass."""
        self.driver.advance(local(at) if isinstance(at, str) else at)
        self._check()

    def _check(self) -> None:
        for failure in self.driver.failures:
            raise failure.error
        assert not self.letters, self.letters

    # -- what was said -------------------------------------------------------------------------

    @property
    def state(self) -> State | None:
        return self.state_of("T-1")

    def state_of(self, ticket: str) -> State | None:
        part = self.driver.parts[0]
        state: State | None = part.load(ticket) or part.load(f"anon:{ticket}")
        return state

    def clock(self, clock: str, ticket: str = "T-1") -> Stated:
        state = self.state_of(ticket)
        assert state is not None
        return next(each for each in state.clocks if each.id == clock)

    def said(self, clock: str, ticket: str = "T-1") -> list[str]:
        """Kinds of the facts of a clock, in order."""
        return [kind(each) for each in self.of(clock, ticket)]

    def of(self, clock: str, ticket: str = "T-1") -> list[dict[str, Any]]:
        return [
            each
            for each in self.facts
            if each["subject"] == ticket and each["data"].get("clock") == clock
        ]

    def last(self, clock: str, ticket: str = "T-1") -> dict[str, Any]:
        """Data of the last fact of a clock."""
        data: dict[str, Any] = self.of(clock, ticket)[-1]["data"]
        return data


def kind(fact: dict[str, Any]) -> str:
    """``breached`` of ``hotline.sla.breached.v1``."""
    whole: str = fact["type"]
    return whole.split(".")[2]
