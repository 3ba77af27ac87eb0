"""Logs: one JSON line each, whoever logs, and never what people said."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from runtime import log

TOLD = "我家的电话是13812345678"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """pytest has handlers of its own on the root."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", json=True)
    with log.bound(service="dedup", partition=3):
        log.get("runtime.core").info("task.assigned", offset=17, ticket="T1", trace_id="ab")
    log.get("runtime.core").info("after")
    first, second = lines(capsys)
    at = first.pop("at")
    assert at.endswith("Z")
    assert first == {
        "event": "task.assigned",
        "level": "info",
        "logger": "runtime.core",
        "service": "dedup",
        "partition": 3,
        "offset": 17,
        "ticket": "T1",
        "trace_id": "ab",
    }
    assert "service" not in second


def test_libraries_logs_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", json=True)
    logging.getLogger("faust.app").warning("lost %s\nof %d", "broker", 3)
    logging.getLogger("aiokafka.consumer").info("heartbeat")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == ("lost broker\nof 3", "faust.app")


def test_the_level_can_be_changed_while_running(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("WARNING", json=True)
    logger = log.get("runtime.core")
    logger.info("unheard")
    log.set_level("debug")
    logger.debug("heard")
    assert [line["event"] for line in lines(capsys)] == ["heard"]


def test_a_console_line_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", json=False)
    log.get("runtime.core").info("task.assigned", partition=3)
    text = capsys.readouterr().err
    assert "task.assigned" in text
    assert not text.startswith("{")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": TOLD},
        {"value": TOLD},
        {"data": {"text": TOLD}},
        {"reply": TOLD},
        {"raw": TOLD.encode()},
        {"detail": "x" * 1_000 + TOLD},
    ],
)
def test_R61_what_people_said_is_not_logged(
    capsys: pytest.CaptureFixture[str], fields: dict[str, Any]
) -> None:
    log.configure("INFO", json=True)
    log.get("runtime.core").info("record.read", **fields)
    written = capsys.readouterr().err
    assert "record.read" in written
    assert "13812345678" not in written
    assert "13812345678" not in written.encode().decode("unicode_escape", errors="replace")


class Contact(BaseModel):
    phone: int


def fail_in_pydantic() -> None:
    Contact.model_validate({"phone": TOLD})


def fail_in_a_rule() -> None:
    try:
        raise KeyError(TOLD)
    except KeyError as cause:
        raise RuntimeError("rule raised") from cause


@pytest.mark.parametrize("fail", [fail_in_pydantic, fail_in_a_rule])
def test_R61_tracebacks_show_frames_and_fields_but_no_input(
    capsys: pytest.CaptureFixture[str], fail: Any
) -> None:
    log.configure("INFO", json=True)
    try:
        fail()
    except Exception:
        log.get("runtime.core").exception("rule.raised", ticket="T1")
    try:
        fail()
    except Exception:
        logging.getLogger("faust.app").exception("crashed")
    ours, foreign = lines(capsys)
    for line in (ours, foreign):
        assert fail.__name__ in line["exception"]
        assert "13812345678" not in json.dumps(line, ensure_ascii=False)
    assert ("phone: " in ours["exception"]) == (fail is fail_in_pydantic)
    assert ("KeyError" in ours["exception"]) == (fail is fail_in_a_rule)


def test_a_host_can_install_the_same_configuration_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Faust's worker replaces what it finds by ``logging_config``."""
    logging.config.dictConfig(log.stdlib_config("INFO"))
    logging.getLogger("mode.worker").info("started")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("started", "info")
