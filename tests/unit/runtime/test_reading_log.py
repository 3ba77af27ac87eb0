"""What every reader of hotline.tickets does with a record before it decides."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from runtime.processor import Processor, Record, Unreadable
from schemas.topics import TICKETS
from services.callback.domain import Callback
from services.dedup.domain import Dedup
from services.sla.domain import Sla

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "city",
    "type": "hotline.ticket.closed.v1",
    "time": "2026-03-02T09:00:00+08:00",
    "subject": "T1",
    "recordedtime": "2026-03-02T10:00:00+08:00",
    "data": {},
}
READERS = (Sla(), Callback(), Dedup())


def record(value: bytes) -> Record:
    return Record(TICKETS, 0, 0, b"c:1", value, 0)


@pytest.mark.parametrize("reader", READERS, ids=lambda each: each.name)
def test_an_event_counts_on_the_logs_clock(reader: Processor[Any, Any]) -> None:
    read = record(orjson.dumps(EVENT))
    assert reader.recorded_at(reader.decode(read), read) == datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize("reader", READERS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"{", "JSON"),
        (orjson.dumps({**EVENT, "data": None}), "data"),
        (
            orjson.dumps({name: each for name, each in EVENT.items() if name != "recordedtime"}),
            "recordedtime is missing on city 1; only intake writes here",
        ),
    ],
)
def test_what_intake_did_not_write_is_a_dead_letter(
    reader: Processor[Any, Any],
    value: bytes,
    said: str,
) -> None:
    with pytest.raises(Unreadable) as refused:
        reader.decode(record(value))
    assert refused.value.reason == "invalid"
    assert said in refused.value.detail
