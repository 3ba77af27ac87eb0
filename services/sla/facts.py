"""What the facts of one decision have in common, and the JSON of each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson
from msgspec import Struct

from policy.bundle import Policy
from rules.clocks.reckoning import Reckoning
from rules.clocks.terms import Terms
from schemas.events import Event
from schemas.facts.sla import SLA_TYPES
from schemas.ids import effect_id
from services.sla.clocks import Clock

SERVICE: Final = "sla"
TYPES: Final[Mapping[str, str]] = {
    model.model_fields["type"].default.split(".")[2]: model.model_fields["type"].default
    for model in SLA_TYPES
}
"""CloudEvents type by its last word: ``breached`` …"""


class Occasion(Struct, frozen=True):
    """An event, or a timer, and when and under which policy it is decided."""

    ticket: str
    citizen: str
    leaf: str | None
    now: datetime
    """``recordedtime`` of the event, or the instant that came due."""
    policy: Policy
    event: Event | None = None
    """None for a timer."""

    @property
    def cause(self) -> str:
        """``causationid`` of what follows."""
        return self.event.identity if self.event else _timer(self.now)

    @property
    def slug(self) -> str:
        """What led to it, for ``data.cause``: ``ticket_received`` …, or ``deadline``."""
        return _slug(self.event.type) if self.event else "deadline"

    def past(self, at: datetime) -> bool:
        """Whether an instant has gone by.

        What comes at a deadline itself is in time. A timer fires when everything recorded at its
        instant has come, so for it the instant has gone by.
        """
        return at < self.now if self.event is not None else at <= self.now

    def fact_id(self, kind: str, discriminator: str) -> str:
        return effect_id(
            service=SERVICE,
            state_key=self.ticket,
            fact_type=TYPES[kind],
            cause=self.cause,
            discriminator=discriminator,
        )

    def fact(self, kind: str, fact_id: str, data: dict[str, Any]) -> bytes:
        """The fact's JSON; absent fields are left out.

        Built from states that are typed already, so it is not validated again. Tests hold every
        fact against its published model.
        """
        event = self.event
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": fact_id,
            "source": "hotline/sla",
            "type": TYPES[kind],
            "time": self.now,
            "subject": self.ticket,
            "datacontenttype": "application/json",
            "citizen": self.citizen,
            "recordedtime": self.now,
            "causationid": self.cause,
            "policyversion": self.policy.version,
            "data": present(data),
        }
        if event is not None and event.traceparent is not None:
            document["traceparent"] = event.traceparent
        if self.leaf is not None:
            document["leaf"] = self.leaf
        return orjson.dumps(document, option=orjson.OPT_UTC_Z)


@lru_cache(maxsize=64)
def _timer(due: datetime) -> str:
    """The cause of all that one instant brings; a herd has one instant."""
    return f"timer {due.isoformat()}"


def _slug(type_: str) -> str:
    return type_.removeprefix("hotline.").rpartition(".v")[0].replace(".", "_")


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """Without absent fields."""
    return {name: value for name, value in fields.items() if value is not None}


def minutes(amount: timedelta | None) -> float | None:
    """Working time to a hundredth of a minute."""
    return None if amount is None else round(amount.total_seconds() / 60, 2)


def terms_data(terms: Terms, policy: Policy) -> dict[str, Any]:
    """``SlaTerms``; shared by many facts, so not to be changed."""
    return _terms_data(terms, policy.calendars[terms.calendar].version)


@lru_cache(maxsize=4096)
def _terms_data(terms: Terms, calendar_version: str) -> dict[str, Any]:
    return present(
        {
            "rule": terms.rule,
            "amount": terms.amount,
            "unit": terms.unit,
            "calendar": terms.calendar,
            "calendar_version": calendar_version,
            "policy_version": terms.version,
            "level": terms.level,
        }
    )


def clock_data(clock: Clock, terms: Terms, reckoning: Reckoning, policy: Policy) -> dict[str, Any]:
    """What every fact of a clock says: ``SlaData`` without what its kind adds."""
    tz = policy.time_zone
    deadline = reckoning.deadline
    dispatch = clock.dispatch
    return {
        "target": clock.target,
        "clock": clock.id,
        "dispatch": None if dispatch is None else dispatch.id,
        "department": clock.department,
        "handler": clock.handler,
        "role": clock.role,
        "started_at": clock.start.astimezone(tz),
        "deadline": None if deadline is None else deadline.astimezone(tz),
        "basis": reckoning.basis,
        "terms": terms_data(terms, policy),
        "total_minutes": minutes(reckoning.total),
        "elapsed_minutes": minutes(reckoning.elapsed),
        "remaining_minutes": minutes(reckoning.remaining),
        "paused_since": (
            None if reckoning.paused_since is None else reckoning.paused_since.astimezone(tz)
        ),
        "paused_minutes": minutes(reckoning.held) if reckoning.held else None,
        "undetermined": reckoning.undetermined,
        "provisional": reckoning.provisional or None,
    }
