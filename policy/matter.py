"""How surely two tickets must be about one matter: weights and limits (R13)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from policy.files import FileModel
from policy.sourced import Sourced

Share = Annotated[float, Field(ge=0, le=1)]


class SameMatterFile(FileModel):
    """Subsection ``same_matter`` of ``repeat``."""

    same_at: Sourced[Share]
    confirm_at: Sourced[Share]
    compared: Sourced[Annotated[int, Field(strict=True, ge=1, le=1_000)]]
    place: Sourced[Share]
    same_spot: Sourced[Share]
    same_division: Sourced[Share]
    near_m: Sourced[Annotated[float, Field(ge=1, le=10_000)]]
    far_m: Sourced[Annotated[float, Field(ge=1, le=100_000)]]
    object: Sourced[Share]
    department: Sourced[Share]
    text: Sourced[Share]
    text_full: Sourced[Annotated[float, Field(gt=0, le=1)]]
    text_unlike: Sourced[Share]
    against_place: Sourced[Share]
    against_object: Sourced[Share]
    against_text: Sourced[Share]

    @model_validator(mode="after")
    def _ordered(self) -> "SameMatterFile":
        if self.confirm_at.value < self.same_at.value:
            raise ValueError("confirm_at is below same_at; what is confirmed must be the same")
        if self.far_m.value <= self.near_m.value:
            raise ValueError("far_m is not above near_m; what is near cannot be far")
        if self.text_unlike.value >= self.text_full.value:
            raise ValueError("text_unlike is not below text_full; nothing would lie between")
        return self


@dataclass(frozen=True, slots=True)
class SameMatter:
    """What two tickets' evidence weighs. Weights are shares of certainty, 0 to 1."""

    same_at: float
    """From this score two tickets are taken to be one matter."""
    confirm_at: float
    """From this score a rule may confirm a repeat without a human."""
    compared: int
    """Earlier tickets that one is compared with, the nearest; of more the nearest is taken."""
    place: float
    """Weight of the same place."""
    same_spot: float
    """How far the same neighbourhood or words of an address make the same place."""
    same_division: float
    """How far the same division alone makes the same place."""
    near_m: float
    """Metres within which two positions are one place."""
    far_m: float
    """Metres from which they are two."""
    object: float
    """Weight of the same credit code or the same name of the thing."""
    department: float
    """Weight of the same unit complained of."""
    text: float
    """Weight of texts that say the same."""
    text_full: float
    """Share of common pieces from which two texts say the same (``rules.similarity``)."""
    text_unlike: float
    """Share down to which they say different things."""
    against_place: float
    """What another place takes away."""
    against_object: float
    against_text: float
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""

    @staticmethod
    def of(file: SameMatterFile) -> "SameMatter":
        """The policy in a validated file."""
        return SameMatter(
            **{name: value.value for name, value in file},
            sources={name: value.source for name, value in file},
        )
