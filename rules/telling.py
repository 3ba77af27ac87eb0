"""Whom a notice to the citizen can reach, and how it is worded and written (R2–R4, R9).

Intake tells of the receipt, the sla service of everything after it: both tell the same people in
the same words (docs/decisions/0062).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from msgspec import Struct
from msgspec.structs import replace

from policy.bundle import Policy
from policy.notices import Acknowledging, Words
from rules.asked import Asked, why_not
from schemas.envelope import Envelope
from schemas.events.tickets import TicketAmendedData, TicketContent, TicketReceivedData
from schemas.facts.notices import NoticeRequested
from schemas.ids import effect_id

TYPE: Final[str] = NoticeRequested.model_fields["type"].default

ACKNOWLEDGED: Final = "citizen.acknowledged"
CHANGED: Final = "citizen.deadline_changed"
PROGRESSED: Final = "citizen.progressed"
NO_NEWS: Final = "citizen.no_news"
RESULT: Final = "citizen.result"
LIAISON: Final = "liaison.informed"

_SEPARATOR: Final = Words("；", "; ")


class Reader(Struct, frozen=True, omit_defaults=True):
    """The citizen as somebody who can be written to."""

    channel: str = ""
    """By which they want to be answered (希望的答复方式), else through which they came."""
    way: bool = False
    """Whether there is one back to them."""
    wanted: bool = True
    """Whether they want an answer (需要回复)."""

    @property
    def told(self) -> bool:
        """Whether they hear anything at all."""
        return self.way and self.wanted


NOBODY: Final = Reader()


def received(before: Reader, data: TicketReceivedData, policy: Policy) -> Reader:
    """After a receipt: the first says all, a later one only what it says differently."""
    came_by = data.channel.value if data.channel is not None else ""
    return Reader(
        channel=_reply_by(data) or before.channel or came_by,
        way=before.way or way_back(data, policy, came_by),
        wanted=before.wanted if data.reply_wanted is None else data.reply_wanted,
    )


def amended(before: Reader, data: TicketAmendedData, policy: Policy) -> Reader:
    """After an amendment: their number may come later, or they want no answer any more."""
    changes = data.changes
    return replace(
        before,
        channel=_reply_by(changes) or before.channel,
        way=before.way or way_back(changes, policy),
        wanted=(
            changes.reply_wanted is not False if "reply_wanted" in data.changed else before.wanted
        ),
    )


def way_back(content: TicketContent, policy: Policy, came_by: str = "") -> bool:
    """Whether the platform can reach who came: by a number or name, or on a way that leads back."""
    ways = policy.notices.way_back
    if came_by in ways or _reply_by(content) in ways:
        return True
    party = content.complainant
    if party is None:
        return False
    # On the log the pseudonym, or that there was one, stands where the identities stood.
    return bool(party.identities or party.citizen or party.reachable)


def _reply_by(content: TicketContent) -> str:
    return "" if content.reply_by is None else content.reply_by.value


def acknowledging(asked: Asked, policy: Policy) -> Acknowledging:
    """What is told of the receipt: that a callback follows only where one does (R2, R33)."""
    notices = policy.notices
    return notices.acknowledged if why_not(asked, policy) is None else notices.acknowledged_only


def listed(at: Mapping[str, datetime], policy: Policy) -> list[dict[str, Any]]:
    """Deadlines by clock as a notice's data has them: local, the earliest first."""
    return [{"clock": clock, "at": when} for when, clock in _local(at, policy)]


def worded(
    at: Mapping[str, datetime],
    policy: Policy,
    *,
    now: datetime | None = None,
    timer: bool = False,
    paused: Sequence[str] = (),
) -> Words:
    """The same in words.

    Args:
        now: those before it are worded as missed; None: all are to come.
        timer: ``now`` is an instant that has gone by, so what was due at it is missed too.
        paused: clocks that stand still; they have no deadline and are worded last.
    """
    notices = policy.notices
    told: list[Words] = []
    for when, clock in _local(at, policy):
        missed = now is not None and (when < now or (timer and when == now))
        texts = notices.overdue if missed else notices.deadlines
        if clock in texts:
            told.append(texts[clock].filled(at=_at(when)))
    told += [notices.paused[clock] for clock in paused if clock in notices.paused]
    if not told:
        return notices.no_deadline
    return Words(
        _SEPARATOR.zh.join([each.zh for each in told]),
        _SEPARATOR.en.join([each.en for each in told]),
    )


def _local(at: Mapping[str, datetime], policy: Policy) -> list[tuple[datetime, str]]:
    zone = policy.time_zone
    return sorted([(when.astimezone(zone), clock) for clock, when in at.items()])


def _at(local: datetime) -> str:
    """Midnight is the 24:00 of the day that it ends: «by the 4th, 00:00» reads as the 4th."""
    if local.hour or local.minute:
        return local.strftime("%Y-%m-%d %H:%M")
    return (local - timedelta(days=1)).strftime("%Y-%m-%d 24:00")


def notice(
    *,
    service: str,
    ticket: str,
    citizen: str,
    leaf: str | None,
    cause: str,
    event: Envelope | None,
    now: datetime,
    policy: Policy,
    data: dict[str, Any],
    discriminator: str,
) -> bytes:
    """The fact's JSON. Built from what is typed already, so not validated again; tests hold it
    against the model.

    Args:
        service: that states it.
        cause: identity of the event, or ``timer <due instant>``.
        event: the cause, for its trace; None for a timer.
        data: a ``NoticeRequestedData``.
        discriminator: which of the notices of that cause it is.
    """
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": effect_id(
            service=service,
            state_key=ticket,
            fact_type=TYPE,
            cause=cause,
            discriminator=discriminator,
        ),
        "source": f"hotline/{service}",
        "type": TYPE,
        "time": now,
        "subject": ticket,
        "datacontenttype": "application/json",
        "citizen": citizen,
        "recordedtime": now,
        "causationid": cause,
        "policyversion": policy.version,
        "data": data,
    }
    if event is not None and event.traceparent is not None:
        document["traceparent"] = event.traceparent
    if leaf is not None:
        document["leaf"] = leaf
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)
