"""When a number says no longer who somebody is (R12 «同一个用户»)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from policy.files import FileModel
from policy.sourced import Sourced


class IdentityFile(FileModel):
    """Section ``identity`` of a rules file."""

    shared_after_identities: Sourced[Annotated[int, Field(strict=True, ge=2, le=10_000)]]


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    shared_after_identities: int
    """With so many accounts and ID cards seen beside it, a phone number is taken for shared: it
    joins nobody any more, and tickets that have nothing else say so."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""

    @staticmethod
    def of(file: IdentityFile) -> "IdentityPolicy":
        """The policy in a validated file."""
        return IdentityPolicy(
            shared_after_identities=file.shared_after_identities.value,
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
        )
