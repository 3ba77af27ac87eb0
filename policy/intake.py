"""What intake accepts and how long it remembers (contract; R1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from policy.files import FileModel
from policy.sourced import Sourced


class IntakeFile(FileModel):
    """Section ``intake`` of a rules file."""

    future_tolerance_minutes: Sourced[Annotated[int, Field(strict=True, ge=0, le=1440)]]
    max_event_bytes: Sourced[Annotated[int, Field(strict=True, ge=1024, le=1_000_000)]]
    forget_after_days: Sourced[Annotated[int, Field(strict=True, ge=1, le=36_600)]]
    seen_ids: Sourced[Annotated[int, Field(strict=True, ge=1, le=10_000)]]
    park_seconds: Sourced[Annotated[int, Field(strict=True, ge=0, le=3_600)]]
    park_events: Sourced[Annotated[int, Field(strict=True, ge=1, le=1_000)]]
    park_bytes: Sourced[Annotated[int, Field(strict=True, ge=1_024, le=262_144)]]


@dataclass(frozen=True, slots=True)
class IntakePolicy:
    future_tolerance: timedelta
    """How far a publisher's ``time`` may lie after ``recordedtime``; beyond that it is refused."""
    max_event_bytes: int
    """A larger event goes to the dead letters."""
    forget_after_days: int
    """Days without an event after which a ticket's state goes."""
    seen_ids: int
    """Event identities remembered per ticket, the latest, to know duplicates by."""
    park_seconds: int
    """How long an event waits for the receipt of its ticket; 0: not at all."""
    park_events: int
    """Events of one ticket that may wait; one more, and all go on as anomalies."""
    park_bytes: int
    """The same for their size; a ticket's state must hold it, a third larger, with all else."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""

    @staticmethod
    def of(file: IntakeFile) -> "IntakePolicy":
        """The policy in a validated file."""
        return IntakePolicy(
            future_tolerance=timedelta(minutes=file.future_tolerance_minutes.value),
            max_event_bytes=file.max_event_bytes.value,
            forget_after_days=file.forget_after_days.value,
            seen_ids=file.seen_ids.value,
            park_seconds=file.park_seconds.value,
            park_events=file.park_events.value,
            park_bytes=file.park_bytes.value,
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
        )
