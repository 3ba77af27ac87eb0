"""Logs: one JSON line an event on stderr, for our own loggers and those of the libraries.

Fields used everywhere: ``event`` (dotted, past tense), ``service``, ``ticket``, ``partition``,
``offset``, ``trace_id``. Never the text of a ticket or contact, nor a record's bytes: dead letters
keep those, behind an ACL (R61).
"""

import logging
import logging.config
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pydantic
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from schemas.dead_letter import masked

FORBIDDEN = frozenset(
    {"text", "title", "body", "value", "payload", "record", "data", "reply", "phone", "name"}
)
"""Fields that would carry what people said; dropped, should a call ever pass one."""
LIMIT_CHARS = 1_000
"""Of a string field: a log line is for a person, and a payload that slips in is cut."""


def _without_payload(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key in FORBIDDEN & event.keys():
        event[key] = "(not logged)"
    for key, value in event.items():
        if isinstance(value, bytes | bytearray | memoryview):
            event[key] = f"({len(value)} bytes)"
        elif isinstance(value, str) and len(value) > LIMIT_CHARS and key != "exception":
            event[key] = value[:LIMIT_CHARS] + "…"
    return event


def describe_error(error: BaseException) -> str:
    """Type and message of an error, without the input that pydantic would quote."""
    if isinstance(error, pydantic.ValidationError):
        told = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
    else:
        told = str(error)
    return f"{type(error).__qualname__}: {masked(told)}" if told else type(error).__qualname__


def _traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Frames and ``describe_error`` of the whole chain, instead of messages that quote input."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return event
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"{frames}{describe_error(current)}")
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    event["exception"] = "\n\nwhich came from:\n".join(parts)
    return event


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _traceback,
        _without_payload,
    ]


def stdlib_config(level: str = "INFO", json: bool = True) -> dict[str, Any]:
    """The ``logging`` configuration of ``configure``, for hosts that install one of their own.

    Faust takes it as ``faust.App(logging_config=...)``; otherwise its worker would replace ours.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "hotline": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "hotline",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Chatty at INFO: one line a heartbeat, a metadata refresh, a request.
            "aiokafka": {"level": "WARNING" if level in {"INFO", "WARNING"} else level},
            "aiohttp.access": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }


def configure(level: str = "INFO", *, json: bool | None = None) -> None:
    """Routes structlog and the standard library's logging to stderr.

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        json: False for a person's console; None: JSON unless stderr is a terminal.
    """
    level = level.upper()
    as_json = not sys.stderr.isatty() if json is None else json
    logging.config.dictConfig(stdlib_config(level, as_json))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def set_level(level: str) -> None:
    """Changes the level of a running worker (its control endpoint)."""
    logging.getLogger().setLevel(level.upper())


def get(name: str) -> FilteringBoundLogger:
    """A logger: ``log.info("task.assigned", service=…, partition=…)``."""
    return cast(FilteringBoundLogger, structlog.stdlib.get_logger(name))


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Adds fields to every line that is logged inside, in this task of asyncio."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield
