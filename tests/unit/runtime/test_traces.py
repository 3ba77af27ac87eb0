"""The trace of a record, for the log: of the event or a header, and nothing else found there."""

import msgspec
import pytest

from runtime.processor import Headers
from runtime.traces import trace_id
from tests.kit.alarms import Rig, event

ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{ID}-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("value", "headers", "found"),
    [
        (msgspec.json.encode({"id": "e1", "traceparent": TRACEPARENT}), (), ID),
        (b'{"id": "e1"}', (), None),
        (b'{"id": "e1"}', (("traceparent", TRACEPARENT.encode()),), ID),
        (b'{"data": 1}', (("CE_traceparent", TRACEPARENT.encode()),), ID),
        (None, (("traceparent", TRACEPARENT.encode()),), ID),
        (b"{", (("traceparent", TRACEPARENT.encode()),), ID),
        (b"\xff\xfe", (), None),
        (b"[1, 2]", (), None),
        (b'{"traceparent": 7}', (), None),
        (b'{"traceparent": "Zhang San, 13800000000"}', (), None),
        (None, (("traceparent", b"\xff"),), None),
        (None, (("tracestate", TRACEPARENT.encode()),), None),
    ],
)
def test_a_trace_id_is_found_where_it_may_stand(
    value: bytes | None, headers: Headers, found: str | None
) -> None:
    record = msgspec.structs.replace(event(0, "T1", 0.0), value=value, headers=headers)
    assert trace_id(record) == found


def test_a_failure_names_the_offset_and_the_trace_of_its_record() -> None:
    boom = event(7, "T1", 1.0, boom=True)
    traced = msgspec.structs.replace(boom, headers=(("traceparent", TRACEPARENT.encode()),))
    (failure,) = Rig().decide(traced).failures
    assert (failure.offset, failure.trace_id, failure.subject) == (7, ID, "T1")


def test_a_timer_that_raised_has_no_record() -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0.0, wait_s=10, boom_at_wake=True))
    (failure,) = rig.decide(clock_s=1_000.0).failures
    assert (failure.offset, failure.trace_id) == (None, None)
