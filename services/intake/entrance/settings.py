"""What the entrance over HTTP is told."""

from typing import Self

from pydantic import Field, model_validator

from runtime.http.settings import HttpSettings


class EntranceSettings(HttpSettings):
    """``HOTLINE_HTTP_…``: what the entrance takes at once, on top of what the server does."""

    max_batch_events: int = Field(default=1_000, ge=1, le=10_000)
    """Events in one request. Larger: one publisher's batch holds up the others' answers."""
    max_events: int = Field(default=10_000, ge=1)
    """Events in work at once, from their body to Kafka's answer; more are answered 503."""
    rate_events: int = Field(default=30_000, ge=1)
    """Events that one publisher may send in HOTLINE_HTTP_RATE_SECONDS; more are answered 429."""
    rate_seconds: int = Field(default=10, ge=1, le=3_600)
    """The window of that limit. Larger: longer bursts, and longer silence after one."""
    answer_seconds: float = Field(default=8.0, gt=0)
    """For PostgreSQL and Kafka together to acknowledge a request; then it is answered 503. Larger:
    publishers wait in the dark; smaller: a broker's failover refuses what it would have taken."""

    @model_validator(mode="after")
    def _a_batch_can_pass(self) -> Self:
        for name in ("max_events", "rate_events"):
            if getattr(self, name) < self.max_batch_events:
                raise ValueError(
                    f"HOTLINE_HTTP_{name.upper()} is below HOTLINE_HTTP_MAX_BATCH_EVENTS:"
                    " a full batch could never pass"
                )
        return self
