"""Whether the citizen is asked after a close (回访), and by what (R33).

One rule for the callback service, which asks, and for the notices that announce it (R2, R9).
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from policy.bundle import Policy

PHONE: Final = "phone"


class Asked(Struct, frozen=True):
    """What of a ticket decides it; what nobody said is empty."""

    anonymous: bool
    channel: str | None = None
    """Through which it came."""
    reply_by: str | None = None
    """By what the citizen wants to be answered."""
    request_type: str | None = None
    reply_wanted: bool = True


def ways(asked: Asked, policy: Policy) -> tuple[str, ...]:
    """By what the citizen is asked, in order: as they wished; who is anonymous, by the way on which
    they came; else as the policy says. (): nobody can be asked."""
    callback = policy.callback
    if asked.anonymous:
        way = asked.channel
        answered = way in policy.notices.way_back and way in callback.ways
        return (way,) if way and answered else ()
    wish = asked.reply_by if asked.reply_by in callback.ways else None
    if wish and wish != callback.channel:
        # Who asked for a message is not called.
        return (wish, *(each for each in callback.then if each not in (wish, PHONE)))
    return (callback.channel, *(each for each in callback.then if each != callback.channel))


def why_not(asked: Asked, policy: Policy) -> str | None:
    """Why no close of such a ticket is asked about: ``reply_not_wanted``, ``type_not_asked``,
    ``no_way_back``; None: it is."""
    callback = policy.callback
    if not asked.reply_wanted and not callback.asked_without_reply_wanted:
        return "reply_not_wanted"
    if asked.request_type in callback.request_types_not_asked:
        return "type_not_asked"
    if not ways(asked, policy):
        return "no_way_back"
    return None


def is_too_late(closed_at: datetime, now: datetime, policy: Policy) -> bool:
    """Whether a close became known too long after its callback was due."""
    callback = policy.callback
    return closed_at + callback.after + callback.too_late < now
