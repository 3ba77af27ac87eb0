"""Why a citizen had to come again: what makes each root cause, and which one names it (R23)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from policy.files import FileModel
from policy.sourced import Sourced

RootCause = Literal[
    "unresolved_process",
    "unresolved_perfunctory",
    "false_reply",
    "step_missed",
    "not_contacted",
    "record_untraceable",
]
"""The six of the contract."""

_Days = Annotated[int, Field(strict=True, ge=1, le=366)]


class CausesFile(FileModel):
    """Subsection ``causes`` of ``repeat``."""

    order: Sourced[tuple[RootCause, ...]]
    lacking_at: Sourced[Annotated[int, Field(strict=True, ge=1, le=8)]]
    traceable_chars: Sourced[Annotated[int, Field(strict=True, ge=0, le=1000)]]
    perfunctory_chars: Sourced[Annotated[int, Field(strict=True, ge=0, le=1000)]]
    contact_within_days: Sourced[_Days]
    callback_within_days: Sourced[_Days]

    @model_validator(mode="after")
    def _complete(self) -> "CausesFile":
        missing = set(get_args(RootCause)) - set(self.order.value)
        if missing or len(self.order.value) != len(get_args(RootCause)):
            raise ValueError(f"order needs each of the six causes once; check {sorted(missing)}")
        if self.order.value[-1] != "unresolved_process":
            raise ValueError("order must end with unresolved_process: it is what remains")
        return self


@dataclass(frozen=True, slots=True)
class Causes:
    """What the rules of R23 go by."""

    order: tuple[RootCause, ...]
    """The first that the first ticket's handling shows names the cause."""
    lacking_at: int
    """Elements of the eight whose lack makes a record untraceable (R24)."""
    traceable_chars: int
    """Of a reply whose elements are not kept apart: below that it says nothing («已维修»)."""
    perfunctory_chars: int
    """Of cause, findings and handling together: below that they are filled in for form's sake."""
    contact_within_days: int
    """Until the citizen must have been reached, where the dispatch sets no time."""
    callback_within_days: int
    """After the close; when the citizen comes again later and nobody called back, it was missed."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""

    @staticmethod
    def of(file: CausesFile) -> "Causes":
        """The policy in a validated file."""
        return Causes(
            **{name: value.value for name, value in file},
            sources={name: value.source for name, value in file},
        )
