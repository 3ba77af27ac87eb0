"""What the log says of a ticket, as far as its clocks need it: one mark (记号) per event.

The history of a ticket is its marks in the order in which they happened, whatever the order in
which they came: so a late event gives in the end what one in time would have given (R12's rule, for
clocks). Plain structs: nothing of what a citizen said is in them.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from rules.clocks.terms import Content

_SECOND: Final = timedelta(seconds=1)


class Mark(Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """Base: when it happened and when that was known."""

    at: datetime
    """Of the event, never later than it was recorded: a publisher's time is data (ruling 6)."""
    seq: int
    """``sequence`` of the event; of one import several marks have the same."""
    lag: int = 0
    """Seconds, rounded up, from ``at`` until it was recorded."""
    under: int = 0
    """Digest of the subject that ``seq`` counts for; 0: the ticket itself. A contact counts its own
    events: its third is another than the third of the ticket."""

    @property
    def known(self) -> datetime:
        """When it was recorded."""
        return self.at + self.lag * _SECOND if self.lag else self.at


class Received(Mark, frozen=True, tag="received"):
    """受理, or 存量工单: the citizen's clocks start."""

    content: Content = Content()
    due: datetime | None = None
    """Promised for the whole."""
    anonymous: bool = False
    reply_wanted: bool = True
    imported: bool = False
    after: datetime | None = None
    """Of an import: when; what ended before is another system's history."""


class Amended(Mark, frozen=True, tag="amended"):
    """修改: only what differs."""

    content: Content = Content()
    """The whole of it after the change, as far as this event knows it."""
    fields: tuple[str, ...] = ()
    """Which of ``content`` it set."""
    due: datetime | None = None
    due_set: bool = False
    anonymous: bool | None = None
    reply_wanted: bool | None = None


class Closed(Mark, frozen=True, tag="closed"):
    """结案, 撤单, 不予受理: the ticket is at an end."""

    how: str = "closed"
    """``closed``, ``withdrawn`` or ``not_accepted``."""
    dispatch: str | None = None


class Reopened(Mark, frozen=True, tag="reopened"):
    """重办."""

    due: datetime | None = None
    cause: str | None = None
    content: Content = Content()
    """What the event itself says of the ticket: all that is known once the rest is forgotten."""
    anonymous: bool = False


class Dispatched(Mark, frozen=True, tag="dispatched"):
    """派单: to whom, in which role, until when."""

    id: str | None = None
    parent: str | None = None
    department: str | None = None
    handler: str | None = None
    role: str = "lead"
    accept_due: datetime | None = None
    contact_due: datetime | None = None
    reply_due: datetime | None = None
    imported: bool = False


class Designated(Mark, frozen=True, tag="designated"):
    """指定承办."""

    department: str = ""
    dispatch: str | None = None
    due: datetime | None = None


class OfDispatch(Mark, frozen=True):
    """What happened to a dispatch: by its id, else by its department, else the one that leads."""

    dispatch: str | None = None
    department: str | None = None


class Accepted(OfDispatch, frozen=True, tag="accepted"):
    """签收."""

    handler: str | None = None


class Return(OfDispatch, frozen=True, tag="return"):
    """退单."""

    step: str = "requested"
    """``requested``, ``approved`` or ``refused``."""


class Extension(OfDispatch, frozen=True, tag="extension"):
    """延期."""

    step: str = "requested"
    """``requested``, ``granted`` or ``refused``."""
    due: datetime | None = None


class Hold(Mark, frozen=True, tag="hold"):
    """挂起, 解挂."""

    dispatch: str | None = None
    code: str | None = None
    ends: bool = False


class News(OfDispatch, frozen=True, tag="news"):
    """过程反馈, 协商: something that the citizen can hear of (R9)."""

    contact: bool = False
    """Whether the citizen was spoken with (协商方案)."""


class Call(OfDispatch, frozen=True, tag="call"):
    """通话记录 of a call to the citizen."""

    outcome: str | None = None
    """None: answered, as far as known."""
    purpose: str | None = None

    @property
    def answered(self) -> bool:
        return self.outcome is None or self.outcome == "answered"


class Replied(OfDispatch, frozen=True, tag="replied"):
    """回单."""

    reply: str | None = None
    handler: str | None = None
    contacted_at: datetime | None = None


class Reviewed(Mark, frozen=True, tag="reviewed"):
    """审核通过, 驳回."""

    reply: str | None = None
    dispatch: str | None = None
    approved: bool = False
    due: datetime | None = None


class Asked(Mark, frozen=True, tag="asked"):
    """核实请求, 督办: something beside the dispatch with a clock of its own."""

    what: str = "verification"
    """``verification`` or ``supervision``."""
    id: str | None = None
    department: str | None = None
    due: datetime | None = None


class Answered(Mark, frozen=True, tag="answered"):
    """核实答复, 督办反馈."""

    what: str = "verification"
    id: str | None = None
    department: str | None = None


class Clocked(Mark, frozen=True, tag="clocked"):
    """A clock of an import as it stood at cut-over."""

    target: str = ""
    dispatch: str | None = None
    started: datetime | None = None
    due: datetime | None = None
    elapsed_seconds: float | None = None
    paused: bool = False
    stopped: datetime | None = None


AnyMark = (
    Received
    | Amended
    | Closed
    | Reopened
    | Dispatched
    | Designated
    | Accepted
    | Return
    | Extension
    | Hold
    | News
    | Call
    | Replied
    | Reviewed
    | Asked
    | Answered
    | Clocked
)


class History(Struct, frozen=True, omit_defaults=True):
    """All marks of a ticket, in the order in which they happened."""

    marks: tuple[AnyMark, ...] = ()
    dropped: int = 0
    """How many are no longer kept because there were too many."""

    @property
    def received(self) -> Received | None:
        """The receipt; None before it came, and once it is forgotten."""
        return next((each for each in self.marks if isinstance(each, Received)), None)


NO_HISTORY: Final = History()
