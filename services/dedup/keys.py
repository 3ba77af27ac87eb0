"""Under which key a ticket is kept: its citizen and the leaf in force (R12, R14)."""

from policy.bundle import Policy
from schemas.envelope import Envelope


def citizen_of(event: Envelope) -> str:
    """The pseudonym; who has none is nobody we know."""
    return event.citizen or f"anon:{event.subject}"


def key_of(citizen: str, leaf: str) -> str:
    return f"{citizen}|{leaf}"


def in_force(leaf: str, policy: Policy) -> str:
    """The leaf under which tickets of ``leaf`` are kept: its successor, itself after a split."""
    current = policy.categories.current(leaf)
    return current[0] if len(current) == 1 else leaf


def split_into(leaf: str, policy: Policy) -> tuple[str, ...]:
    current = policy.categories.current(leaf)
    return current if len(current) > 1 else ()


def leaf_of(key: str) -> str:
    return key.partition("|")[2]
