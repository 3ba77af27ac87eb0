"""A value with its unit and its source beside it, as every number of a policy stands in a file."""

from typing import Annotated, Generic, TypeVar

from pydantic import StringConstraints

from policy.files import FileModel

Source = Annotated[str, StringConstraints(pattern=r"^(LAW|PRESS|SEED|CODE|ISSUE|OURS): \S")]
"""Mark and text. LAW: regulation or official notice. PRESS: news about one. SEED: the two articles
that the product began with. CODE, ISSUE: a named project's source or tracker. OURS: our choice."""

T = TypeVar("T")


class Sourced(FileModel, Generic[T]):
    """``{value: 31, unit: days, source: "OURS: …"}``."""

    value: T
    unit: str | None = None
    source: Source
