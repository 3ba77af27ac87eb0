"""Identifiers, each a type of its own, and the id of an effect."""

from hashlib import sha1
from typing import Final, NewType
from uuid import UUID

TicketId = NewType("TicketId", str)
ContactId = NewType("ContactId", str)
DispatchId = NewType("DispatchId", str)
Citizen = NewType("Citizen", str)
"""A citizen's pseudonym, ``c:<hex>``, or ``anon:<ticket>`` for an anonymous caller."""
Leaf = NewType("Leaf", str)
"""Code of an end node (末端节点) of the category tree."""
EffectId = NewType("EffectId", str)

EFFECTS = UUID("5b0f7d4e-6d0a-5c0e-9d55-12345a12345a")
"""Namespace of effect ids; never changes, or every replay would double every fact."""
_EFFECTS: Final = sha1(EFFECTS.bytes, usedforsecurity=False)
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

ANONYMOUS_PREFIX = "anon:"


def home_of(ticket: str, citizen: str | None) -> str:
    """Key for what is kept of a ticket: another one for what lies under ``anon:<ticket>``.

    What goes on before the receipt of its ticket lies there, in another partition than what follows
    on the receipt. Where one process has all partitions (replay, driver) the two would else meet.
    """
    return citizen if citizen == ANONYMOUS_PREFIX + ticket else ticket


def is_anonymous(citizen: str) -> bool:
    """Whether the pseudonym stands for a caller nobody knows (never a repeat)."""
    return citizen.startswith(ANONYMOUS_PREFIX)


def effect_id(
    *, service: str, state_key: str, fact_type: str, cause: str, discriminator: str = ""
) -> EffectId:
    """The id of a fact: the same cause gives the same id, on every path and at every replay.

    Args:
        service: name of the service that states the fact.
        state_key: key of the state that it was decided on.
        fact_type: CloudEvents type of the fact.
        cause: identity (``source`` and ``id``) of the causing event, or the due instant of a timer.
        discriminator: tells apart what would else collide (target, warning level, attempt).
    """
    # What ``str(uuid5(EFFECTS, name))`` gives, in a third of its time: every fact pays it.
    name = "\x1f".join((service, state_key, fact_type, cause, discriminator))
    hashed = _EFFECTS.copy()
    hashed.update(name.encode())
    x = hashed.hexdigest()
    return EffectId(f"{x[:8]}-{x[8:12]}-5{x[13:16]}-{_VARIANT[x[16]]}{x[17:20]}-{x[20:32]}")
