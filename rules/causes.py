"""Why the citizen came again: the root cause, from the first ticket's handling (R23, R24)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from policy.causes import Causes, RootCause
from rules.handling import ELEMENTS, Handling, standing


class Shown(Struct, frozen=True):
    """A root cause, and what shows it."""

    cause: str
    """One of the six."""
    evidence: str
    """A slug of ``rules.words.EVIDENCE``."""
    outcome: str | None = None
    """Why nobody was reached (R26)."""
    lacking: tuple[str, ...] = ()
    """Elements that the record lacks (R24)."""


class _First(Struct, frozen=True):
    handling: Handling
    received_at: datetime
    repeat_at: datetime
    rule: Causes

    def by_then(self, at: datetime | None) -> bool:
        """Whether it had happened when the citizen came again."""
        return at is not None and at <= self.repeat_at


def root_cause(
    handling: Handling, received_at: datetime, repeat_at: datetime, rule: Causes
) -> Shown:
    """The root cause of a repeat at ``repeat_at``, by the first ticket's handling.

    Of several that it shows the first in the policy's order names it; ``unresolved_process`` is
    what remains.
    """
    first = _First(handling, received_at, repeat_at, rule)
    for cause in rule.order:
        found = _TESTS[cause](first)
        if found is not None:
            return found
    raise AssertionError("the policy's order ends with unresolved_process, which always holds")


def _false_reply(first: _First) -> Shown | None:
    """«虚假回单…一旦查实»: only a finding counts (R49)."""
    if first.handling.false_closure:
        return Shown("false_reply", "finding")
    return None


def _not_contacted(first: _First) -> Shown | None:
    """«未在规定时限内与市民取得联系»: tried in vain, or reached too late."""
    handling = first.handling
    if not first.by_then(handling.reached_at):
        if first.by_then(handling.tried_at):
            return Shown("not_contacted", "nobody_reached", handling.outcome)
        return None
    due = handling.contact_due_at or first.received_at + timedelta(
        days=first.rule.contact_within_days
    )
    closed_at, reached_at = handling.first_closed_at, handling.reached_at
    if reached_at is None or handling.partly_known:
        return None
    if reached_at > due and (closed_at is None or reached_at <= closed_at):
        return Shown("not_contacted", "reached_late", handling.outcome)
    return None  # a callback after the close tells nothing of when the department first called


def _unresolved_perfunctory(first: _First) -> Shown | None:
    """«看似已被处理，实则问题依然存在», «只是随意填写处理结果反馈»."""
    handling = first.handling
    if handling.claimed_at is not None and handling.denied_at is not None:
        return Shown("unresolved_perfunctory", "citizen_denies")
    short = handling.reply_chars < first.rule.perfunctory_chars
    if handling.replied_at is not None and handling.in_elements and short:
        return Shown("unresolved_perfunctory", "for_forms_sake")
    return None


def _record_untraceable(first: _First) -> Shown | None:
    """«首次工单记录信息的缺失»: the reply lacks elements, or says nothing («已维修»)."""
    handling = first.handling
    if handling.replied_at is None or handling.partly_known:
        return None
    lacking = tuple(
        element.value for bit, element in enumerate(ELEMENTS) if handling.lacking >> bit & 1
    )
    if not handling.in_elements:
        if handling.reply_chars < first.rule.traceable_chars:
            return Shown("record_untraceable", "says_nothing", lacking=lacking)
        return None  # one text for all: whether the elements are in it needs an inspection
    if len(lacking) >= first.rule.lacking_at:
        return Shown("record_untraceable", "elements_lacking", lacking=lacking)
    return None


def _step_missed(first: _First) -> Shown | None:
    """«未按照流程在规定时间内回访市民», «市民因未得到任何反馈»."""
    handling = first.handling
    if handling.partly_known:
        return None
    closed_at = handling.first_closed_at
    if closed_at is not None and first.by_then(closed_at):
        if handling.replied_at is None:
            return Shown("step_missed", "no_reply")
        until = closed_at + timedelta(days=first.rule.callback_within_days)
        if until < first.repeat_at and not first.by_then(handling.called_back_first_at):
            return Shown("step_missed", "no_callback")
    if handling.replied_at is not None and not handling.told:
        return Shown("step_missed", "not_told")
    return None


def _unresolved_process(first: _First) -> Shown:
    """«未得到切实整改、优化之前…难以得到根本性的有效解决»: what remains."""
    handling = first.handling
    if handling.reply_resolved is False or handling.denied_at is not None:
        return Shown("unresolved_process", "not_resolved")
    if standing(handling, first.received_at, first.repeat_at).is_open:
        return Shown("unresolved_process", "still_open")
    return Shown("unresolved_process", "nothing_else_known")


_TESTS: Final[dict[RootCause, Callable[[_First], Shown | None]]] = {
    "false_reply": _false_reply,
    "not_contacted": _not_contacted,
    "unresolved_perfunctory": _unresolved_perfunctory,
    "record_untraceable": _record_untraceable,
    "step_missed": _step_missed,
    "unresolved_process": _unresolved_process,
}
