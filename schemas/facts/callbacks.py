"""What ``callback`` says about asking the citizen after a close (回访, R33–R38).

Facts on ``hotline.callbacks``, keyed by citizen; ``subject`` is the ticket. A task is all facts
with one ``task``; the last one says how it stands. For a dialler, ``due`` is the order to call and
``rescheduled`` or any end takes it back.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope, Name, Part, Text
from schemas.events.parts import Channel

SlotName = Name
"""A part of the calling day as the policy names it: ``morning``, ``afternoon``, ``evening``."""


class Choice(Part):
    """Why this slot and channel (R38)."""

    slot: SlotName
    channel: Channel
    reached: Annotated[float, Field(ge=0, le=1)]
    """Estimated chance that the citizen is reached."""
    lower: Annotated[float, Field(ge=0, le=1)]
    """Lower end of the 95 % Wilson interval of the citizen's own outcomes; 0 without any."""
    own_reached: Annotated[int, Field(ge=0)]
    own_tried: Annotated[int, Field(ge=0)]
    """The citizen's own outcomes in that slot and channel."""
    population: Annotated[float, Field(ge=0, le=1)]
    """What the policy knows of everybody there."""
    basis: Literal["citizen", "population"]
    """What weighs more."""


class CallbackData(Part):
    """A task as it stands, and everything that a dialler or a person needs."""

    task: Name
    """Id of the task: one per close."""
    round: Annotated[int, Field(ge=1)]
    """The how-manieth close of the ticket it belongs to."""
    check: Annotated[int, Field(ge=1)] = 1
    """2 for the second check of an intermittent problem (R35)."""
    checks: Annotated[int, Field(ge=1)] = 1
    """How many it takes."""
    closed_at: AwareDatetime
    due_at: AwareDatetime | None = None
    """When to ask; local date-time with its offset, as all of a fact's."""
    until: AwareDatetime | None = None
    """End of the slot: untried by then, it is put off."""
    slot: SlotName | None = None
    channel: Channel | None = None
    attempt: Annotated[int, Field(ge=0)]
    """Of ``due`` and ``scheduled``: the try to come, from 1; else the tries so far."""
    attempts: Annotated[int, Field(ge=1)]
    """How many calls at most, before another channel is tried (R36)."""
    choice: Choice | None = None
    outcome: Name | None = None
    """Of a try: ``no_answer``, ``powered_off`` … (CallOutcome), or ``not_tried``."""
    outcomes: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """How often each so far, of this task."""
    tried_at: AwareDatetime | None = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    """Local hour of the try (R37)."""
    resolved: bool | None = None
    """是否解决, by the citizen (R34)."""
    satisfied: Annotated[int, Field(ge=1, le=5)] | None = None
    reasons: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    follow_up: Literal["none", "reopen", "review", "recheck", "arbitration"] | None = None
    """What follows from the answer (R34, R35, ruling 14)."""
    command: Name | None = None
    """Id of the reopen command."""
    department: Name | None = None
    team: Name | None = None
    handler: Name | None = None
    """Who is asked about: of the reply that closed it (R37)."""
    leaf: Name | None = None
    reason: Name
    """A stable slug; the words are for people."""
    reason_en: Text
    reason_zh: Text
    cause: Name
    """What led to it: ``ticket_closed``, ``due``, ``callback_answered``, ``ticket_reopened`` …"""
    revision: Annotated[int, Field(ge=1)]
    """1, 2, … of this task."""
    replaces: Name | None = None


class CallbackTaskScheduled(Envelope):
    """安排回访: a task exists; when (R33)."""

    type: Literal["hotline.callback_task.scheduled.v1"] = "hotline.callback_task.scheduled.v1"
    data: CallbackData


class CallbackTaskDue(Envelope):
    """应回访: call now, in this slot, on this channel."""

    type: Literal["hotline.callback_task.due.v1"] = "hotline.callback_task.due.v1"
    data: CallbackData


class CallbackTaskAttempted(Envelope):
    """未接通: a try that reached nobody, and its outcome (R36)."""

    type: Literal["hotline.callback_task.attempted.v1"] = "hotline.callback_task.attempted.v1"
    data: CallbackData


class CallbackTaskRescheduled(Envelope):
    """改期: the next slot and channel, and why these (R36, R38)."""

    type: Literal["hotline.callback_task.rescheduled.v1"] = "hotline.callback_task.rescheduled.v1"
    data: CallbackData


class CallbackTaskCancelled(Envelope):
    """取消回访: reopened, withdrawn (R33)."""

    type: Literal["hotline.callback_task.cancelled.v1"] = "hotline.callback_task.cancelled.v1"
    data: CallbackData


class CallbackTaskAnswered(Envelope):
    """已回访: the citizen answered; «resolved?» and «satisfied?» apart (R34)."""

    type: Literal["hotline.callback_task.answered.v1"] = "hotline.callback_task.answered.v1"
    data: CallbackData


class CallbackTaskUncontacted(Envelope):
    """未联系上: every way was tried, or no try was reported; never «satisfied» (R36)."""

    type: Literal["hotline.callback_task.uncontacted.v1"] = "hotline.callback_task.uncontacted.v1"
    data: CallbackData


class CallbackTaskRecheck(Envelope):
    """复查: an intermittent problem is asked about again in its risk window (R35)."""

    type: Literal["hotline.callback_task.recheck.v1"] = "hotline.callback_task.recheck.v1"
    data: CallbackData


class CallbackTaskWaived(Envelope):
    """不回访: nobody can be asked (anonymous), or the policy says so; counted, not silent (R33)."""

    type: Literal["hotline.callback_task.waived.v1"] = "hotline.callback_task.waived.v1"
    data: CallbackData


CALLBACK_TYPES: tuple[type[Envelope], ...] = (
    CallbackTaskScheduled,
    CallbackTaskDue,
    CallbackTaskAttempted,
    CallbackTaskRescheduled,
    CallbackTaskCancelled,
    CallbackTaskAnswered,
    CallbackTaskUncontacted,
    CallbackTaskRecheck,
    CallbackTaskWaived,
)
"""``hotline.callback_task.*``, for ``hotline.callback.answered`` is what a platform publishes."""
