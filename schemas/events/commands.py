"""What our services ask a platform to do (指令): on ``hotline.commands``, and in the log.

A platform answers with ``command.applied`` or ``command.refused``, whose ``command_id`` is the id
of the command, and with the fact itself (``ticket.reopened``). Through the inbox a command takes
its place in the order of its ticket; it changes nothing until the platform says so.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import FreeText, Satisfaction
from schemas.events.tickets import ReopenCause


class CommandData(Part):
    """What every command says."""

    reason: Name
    """A stable slug; the words are for people."""
    reason_zh: FreeText | None = None
    """For people, in Chinese."""
    reason_en: FreeText | None = None
    """For people, in English."""
    department: Name | None = None
    """Unit that it concerns."""
    dispatch_id: Name | None = None
    """Dispatch that it concerns."""
    caused_by: Name | None = None
    """Id of the event or fact that led to it."""
    round: Annotated[int, Field(ge=1, le=1_000)] = 1
    """The how-manieth command of its kind on this ticket; the policy has a maximum."""
    hops: Annotated[int, Field(ge=0, le=16)] = 0
    """Commands in the chain of causes before this one: no two services can chase each other."""


class CommandReopenData(CommandData):
    """Why the ticket is not at its end."""

    cause: ReopenCause
    """Of the reopening that is asked for."""
    resolved: bool | None = None
    """是否解决, as the citizen said (R34)."""
    satisfied: Satisfaction | None = None
    """满意度, as the citizen said."""


class CommandReopen(Envelope):
    """请求重办: the citizen says it is not resolved; back to the department (R34)."""

    type: Literal["hotline.command.reopen.v1"] = "hotline.command.reopen.v1"
    data: CommandReopenData


class Lacking(Part):
    """One thing that a close still needs."""

    what: Name
    """A stable slug: ``reply_of_dispatch``, ``verification`` …"""
    dispatch_id: Name | None = None
    department: Name | None = None
    due_at: Instant | None = None


class CommandRefuseCloseData(CommandData):
    """What is missing."""

    lacking: Annotated[tuple[Lacking, ...], Field(min_length=1, max_length=200)]
    """All that is missing, by dispatch."""


class CommandRefuseClose(Envelope):
    """不予办结: the ticket cannot be closed yet; what is missing (R30)."""

    type: Literal["hotline.command.refuse_close.v1"] = "hotline.command.refuse_close.v1"
    data: CommandRefuseCloseData


COMMANDERS: frozenset[str] = frozenset({"hotline/callback", "hotline/sla"})
"""``source`` of our services that command; under any other source a command is refused."""

COMMAND_TYPES: tuple[type[Envelope], ...] = (CommandReopen, CommandRefuseClose)
