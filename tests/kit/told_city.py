"""A platform in front of the real intake and sla services, in memory and in virtual time."""

from datetime import datetime
from typing import Any

import orjson

from policy.bundle import Bundle, load
from runtime.core import to_ms
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.events import parse_event
from schemas.facts.notices import NoticeRequested, NoticeRequestedData
from schemas.topics import COMMANDS, DEAD_LETTERS, INBOX, NOTICES, SLA, TICKETS
from services.intake.domain import Intake
from services.sla.domain import Sla
from services.sla.state import State
from tests.kit.ticket_life import local
from vault.directory import KeyedPseudonyms

ZHANG = {"name": "张三", "identities": [{"scheme": "phone", "value": "13812345678"}]}
_RING = KeyRing({1: bytes(range(32))})


class ToldCity:
    """Publishes events of one ticket; every notice is held against its published model."""

    def __init__(self, bundle: Bundle | None = None, *, ticket: str = "T1") -> None:
        intake = Intake(
            directory=KeyedPseudonyms(bytes(range(32))), ring=_RING, partitions=1, forward=False
        )
        self.ticket = ticket
        self.written: dict[str, list[bytes]] = {}
        self.driver = Driver([intake, Sla()], bundle or load("cn-12345"), self._take)
        self._number = 0
        self._told = 0

    def put(
        self, kind: str, at: str, data: dict[str, Any] | None = None, *, recorded: str | None = None
    ) -> list[NoticeRequested]:
        """An event, recorded at its time unless ``recorded`` says later. Returns what the citizen
        is told by it and by the timers before it; liaisons are left out."""
        self._number += 1
        document = {
            "specversion": "1.0",
            "id": str(self._number),
            "source": "city",
            "type": f"hotline.{kind}.v1",
            "time": local(at).isoformat(),
            "subject": self.ticket,
            "data": data or {},
        }
        at_ms = to_ms(local(recorded or at))
        self.driver.feed(
            Record(INBOX, 0, self._number, self.ticket.encode(), orjson.dumps(document), at_ms)
        )
        return self._new()

    def received(self, at: str = "03-02 09:00", **data: Any) -> list[NoticeRequested]:
        """受理 of Zhang's ticket, by telephone unless said otherwise."""
        return self.put("ticket.received", at, {"complainant": ZHANG, "channel": "phone", **data})

    def until(self, at: str) -> list[NoticeRequested]:
        """Let time pass; what is told meanwhile."""
        self.driver.advance(local(at))
        return self._new()

    def said(self, topic: str) -> list[dict[str, Any]]:
        """What was written to a topic."""
        return [orjson.loads(each) for each in self.written.get(topic, [])]

    @property
    def commands(self) -> list[dict[str, Any]]:
        """Each a valid event of the contract."""
        for value in self.written.get(COMMANDS.name, []):
            parse_event(value)
        return self.said(COMMANDS.name)

    @property
    def state(self) -> State:
        """What the sla service keeps of the ticket."""
        found: State | None = self.driver.parts[1].load(self.ticket)
        assert found is not None
        return found

    @property
    def facts(self) -> list[dict[str, Any]]:
        return self.said(SLA.name)

    @property
    def log(self) -> list[dict[str, Any]]:
        return self.said(TICKETS.name)

    def _take(self, written: Written) -> None:
        assert written.topic.name != DEAD_LETTERS.name, (written.value, written.headers)
        assert written.value is not None
        self.written.setdefault(written.topic.name, []).append(written.value)

    def _new(self) -> list[NoticeRequested]:
        for failure in self.driver.failures:
            raise failure.error
        every = self.written.get(NOTICES.name, [])
        values, self._told = every[self._told :], len(every)
        told = [_checked(value) for value in values]
        return [each for each in told if each.data.notice.startswith("citizen.")]


def _checked(value: bytes) -> NoticeRequested:
    """The notice; nothing is written that the contract does not know."""
    fact = NoticeRequested.model_validate_json(value)
    document = orjson.loads(value)
    assert document.keys() <= NoticeRequested.model_fields.keys()
    assert document["data"].keys() <= NoticeRequestedData.model_fields.keys()
    return fact


def brief(notices: list[NoticeRequested]) -> list[str]:
    """``["progressed accepted"]``: kind and stage of each."""
    said = [each.data for each in notices]
    return [" ".join(filter(None, (each.notice[8:], each.stage))) for each in said]


def day(notice: NoticeRequested) -> dict[str, str]:
    """Deadlines of a notice by clock: ``{"resolve": "03-09 17:30"}``."""
    return {each.clock.value: _short(each.at) for each in notice.data.deadlines}


def _short(at: datetime) -> str:
    return at.strftime("%m-%d %H:%M")
