"""Whatever is asked, the answer says what is wrong with it: never a 5xx (F15 on the look-ups)."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.access import AccessRole
from runtime.database import Database
from tests.kit.desk import open_desk
from tests.kit.story import Line, deliver, instant

NOW = instant("2026-03-20 09:00")
PHONE = [{"scheme": "phone", "value": "13812345678"}]

QUESTIONS: list[tuple[dict[str, Any], int]] = [
    ({}, 200),
    ({"identities": PHONE, "leaf": "no.such.leaf"}, 200),
    ({"identities": PHONE, "leaf": ""}, 422),
    ({"identities": PHONE * 17}, 422),
    ({"identities": [{"scheme": "fingerprint", "value": "1"}]}, 422),
    ({"identities": PHONE, "text": "\x00" * 50}, 200),
    ({"citizen": "c:\x00"}, 422),
    ({"citizen": "x" * 257}, 422),
    ({"citizen": "'; DROP TABLE readmodel.tickets; --"}, 200),
    ({"text": "x" * 20_001}, 422),
    ({"occurred_at": "2026-03-01T00:00:00"}, 422),
    ({"place": {"lat": 91}}, 422),
    ({"what": "unknown field"}, 422),
    ({"source": None, "identities": PHONE}, 200),
]


@pytest.mark.parametrize(("question", "status"), QUESTIONS)
async def test_an_odd_question_is_answered_or_refused_with_the_field(
    dsn: str, tmp_path: Path, question: dict[str, Any], status: int
) -> None:
    async with open_desk(dsn, tmp_path, NOW) as desk:
        response = await desk.assess(question)
    assert response.status_code == status, response.text
    assert "13812345678" not in response.text
    if status == 422:
        assert response.json()["errors"][0]["field"].startswith("body.")


IDS = [
    ("T/2026/001", 200),
    ("T 001?x=1", 200),
    ("T%00", 422),
    ("x" * 257, 422),
    ("T999", 404),
    ("../../etc/passwd", 404),
]


async def test_any_id_of_the_contract_can_be_asked_for(dsn: str, tmp_path: Path) -> None:
    database = Database(dsn, application="test")
    line = Line(database)
    for ticket, status in IDS:
        if status == 200:
            line.received(ticket, NOW, "13812345678")
    await line.flush()
    await database.close()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        for ticket, status in IDS:
            path = ticket.replace(" ", "%20").replace("?", "%3F").replace("/", "%2F")
            response = await desk.ticket(path, AccessRole.AGENT, "city-12345")
            assert response.status_code == status, (ticket, response.text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["identities", "citizen", "ticket", "channel", "leaf", "title", "text", "matter", "place"]
)


async def test_R53_no_question_at_all_is_an_error_of_ours(dsn: str, tmp_path: Path) -> None:
    async with open_desk(dsn, tmp_path, NOW) as desk:
        asked: list[dict[str, Any]] = []

        @settings(
            max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(st.dictionaries(FIELDS, JSON, max_size=4))
        def collect(question: dict[str, Any]) -> None:
            asked.append(question)

        collect()
        statuses = [(await desk.assess(question)).status_code for question in asked]
    assert set(statuses) <= {200, 422}
    assert {200, 422} <= set(statuses), "both kinds were asked"
