"""A value with its unit and its source beside it, as every number of a policy stands in a file."""

from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator

from policy.files import FileModel

MARKS = ("LAW", "PRESS", "SEED", "CODE", "ISSUE", "OURS")


def _marked(source: str) -> str:
    mark, colon, text = source.partition(": ")
    if mark not in MARKS or not colon or not text.strip():
        raise ValueError(f"begin with one of {', '.join(MARKS)}, a colon and what it says")
    return source


Source = Annotated[str, AfterValidator(_marked)]
"""Mark and text. LAW: regulation or official notice. PRESS: news about one. SEED: the two articles
that the product began with. CODE, ISSUE: a named project's source or tracker. OURS: our choice."""

T = TypeVar("T")


class Sourced(FileModel, Generic[T]):
    """``{value: 31, unit: days, source: "OURS: …"}``."""

    value: T
    unit: str | None = None
    source: Source
