"""Facts that the services state, each on its service's own topic (contract.md)."""

from schemas.envelope import Envelope
from schemas.facts.callbacks import CALLBACK_TYPES
from schemas.facts.notices import NOTICE_TYPES
from schemas.facts.repeats import REPEAT_TYPES
from schemas.facts.sla import SLA_TYPES

FACT_TYPES: tuple[type[Envelope], ...] = (
    *REPEAT_TYPES,
    *SLA_TYPES,
    *CALLBACK_TYPES,
    *NOTICE_TYPES,
)
"""Every fact of every service; the exported contract is made from it."""

__all__ = ["FACT_TYPES"]
