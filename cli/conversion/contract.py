"""The contract as the mapping needs it: which events there are, their fields, whether one fits."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from schemas.events import EVENT_TYPES, parse_event_dict

PREFIX, SUFFIX = "hotline.", ".v1"


class Invalid(Exception):
    """The contract refuses an event; the first field that it refuses."""

    def __init__(self, path: tuple[str | int, ...], problem: str) -> None:
        super().__init__(problem)
        self.path = path
        self.field = ".".join(str(part) for part in path) or "event"
        self.problem = problem


def resolve_type(name: str) -> str | None:
    """The full type of ``ticket.received`` or ``hotline.ticket.received.v1``; None if unknown."""
    for full in (name, f"{PREFIX}{name}{SUFFIX}"):
        if full in EVENT_TYPES:
            return full
    return None


def check(document: dict[str, object]) -> datetime:
    """The time of an event that the contract accepts. Raises ``Invalid``."""
    try:
        return parse_event_dict(document).time
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = first["loc"]
        if path and path[0] == document.get("type"):
            path = path[1:]
        raise Invalid(path, first["msg"]) from error


def unknown_fields(
    event_type: str, data: object, operators: frozenset[str]
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Fields of ``data`` that the event does not have: path, name, the names that there are.

    The contract ignores what it does not know, so that a misspelt field would be lost silently.
    """
    model = EVENT_TYPES[event_type].model_fields["data"].annotation
    yield from _unknown(_model_in(model), data, operators, "")


def _unknown(
    model: type[BaseModel] | None, data: object, operators: frozenset[str], path: str
) -> Iterator[tuple[str, str, frozenset[str]]]:
    if isinstance(data, list):
        for i, item in enumerate(data):
            yield from _unknown(model, item, operators, f"{path}[{i}]")
    if model is None or not isinstance(data, dict) or operators & data.keys():
        return
    for name, value in data.items():
        field = model.model_fields.get(name)
        if field is None:
            yield f"{path}.{name}", str(name), frozenset(model.model_fields)
        else:
            yield from _unknown(_model_in(field.annotation), value, operators, f"{path}.{name}")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in ``Model | None`` or ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is dict:
        return None
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)
