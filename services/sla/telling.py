"""The words of a fact about a clock, for whoever must answer for it. Pure.

Complaint 9 of requirements.md §4: «which rule applied, why did the deadline move?» Each sentence
names the rule, its amount and calendar, the deadline in local time, and why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rules.clocks import words
from rules.clocks.reckoning import Reckoning
from rules.clocks.terms import Terms
from rules.words import Said
from services.sla.clocks import OF_DISPATCH
from services.sla.marks import Call

_instant = lru_cache(maxsize=4096)(words.instant_words)
_terms = lru_cache(maxsize=4096)(words.terms_words)

_BEGAN: Final[Mapping[str, Said]] = {
    "resolve": Said("the citizen's clock runs from the receipt", "自受理起计时"),
    "reply": Said("the citizen's clock runs from the receipt", "自受理起计时"),
    "accept": Said("the unit's clock runs from the dispatch", "自派单起计时"),
    "first_contact": Said("the unit's clock runs from the dispatch", "自派单起计时"),
    "department": Said(
        "the unit's clock runs from the dispatch, accepted or not", "自派单起计时，无论是否签收"
    ),
    "interim": Said("the next news are owed from here", "自此应告知进展"),
    "verification": Said("the clock runs from the question", "自提出核实起计时"),
    "supervision": Said("the clock runs from the order", "自督办起计时"),
}

_ENDS: Final[Mapping[str, Said]] = {
    "closed": Said("the ticket was closed", "工单已办结"),
    "closed_before_in": Said(
        "the ticket was closed before the part of this unit was in", "工单在协办单位回单前已办结"
    ),
    "withdrawn": Said("the ticket was withdrawn", "工单已撤销"),
    "not_accepted": Said("the ticket was not accepted", "工单不予受理"),
    "accepted": Said("the unit accepted it", "承办单位已签收"),
    "replied": Said("the reply is in", "已回单"),
    "passed_on": Said("the unit passed it on", "已转下级单位办理"),
    "passed_on_in": Said("all to whom it was passed on have replied", "下级单位均已回单"),
    "contacted": Said("the citizen was spoken with", "已联系市民"),
    "progress": Said("there was news", "已反馈进展"),
    "contact": Said("there was news", "已反馈进展"),
    "call": Said("the citizen was called", "已电话联系市民"),
    "reply_approved": Said("a reply is in force", "答复已审核通过"),
    "answered": Said("it was answered", "已答复"),
    "imported": Said("it had been met before cut-over", "上线前已达成"),
    "returned": Said("the dispatch was taken back", "退单已同意"),
    "designated": Said("the arbiter designated another unit", "已指定其他单位承办"),
    "anonymous": Said("nobody knows whom to answer", "匿名诉求，无法答复"),
    "no_reply_wanted": Said("the citizen wants no reply", "市民不需要回复"),
    "superseded": Said("what came in late left no place for it", "补录事件后不再需要"),
    "no_rule": Said("no rule asks for it any more", "时限规则不再要求"),
}
_AGAIN: Final[Mapping[str, Said]] = {
    "hold_ended": Said("the hold ended", "已解挂"),
    "reopened": Said(
        "the ticket was reopened: the clock goes on where it began",
        "工单重办，继续计时，不重新起算",
    ),
    "reopened_of_unit": Said(
        "the ticket was reopened: the clock goes on with what was left at the close",
        "工单重办，按结案时剩余时间继续计时",
    ),
    "reply_rejected": Said(
        "the reply was rejected: the clock never stopped", "回单被驳回，计时未曾停止"
    ),
    "reply_wanted": Said("the citizen wants a reply", "市民需要回复"),
    "return_approved": Said(
        "the unit that it was passed on to gave it back: the clock goes on where it began",
        "下级单位退回，继续计时，不重新起算",
    ),
    "ticket_designated": Said(
        "the arbiter designated who handles it: the clock goes on where it began",
        "仲裁指定承办单位，继续计时，不重新起算",
    ),
}
_OUTCOMES_ZH: Final[Mapping[str, str]] = {
    "no_answer": "无人接听",
    "rejected": "拒接",
    "inconvenient": "不方便接听",
    "unknown_caller": "陌生来电未接",
    "busy": "占线",
    "powered_off": "关机",
    "poor_signal": "信号差",
    "out_of_service": "停机",
    "wrong_number": "号码有误",
    "other": "其他",
}


class Why(NamedTuple):
    """A slug and its words."""

    slug: str
    said: Said


def _whole(*parts: Said) -> Said:
    return Said("; ".join(each.en for each in parts), "；".join(each.zh for each in parts))


def _told(said: Said, terms: Terms, reckoning: Reckoning, tz: tzinfo) -> Said:
    due = words.deadline_words(reckoning, tz)
    return _whole(said, due, _terms(terms, reckoning.basis))


def _ending(why: str) -> Said:
    return _ENDS.get(why) or Said(why.replace("_", " "), why)


def started(terms: Terms, reckoning: Reckoning, tz: tzinfo, *, anew: bool) -> Why:
    """A clock begins.

    Args:
        anew: the ticket was forgotten; nothing of its first receipt is known any more.
    """
    began = _BEGAN[terms.target]
    if anew:
        began = Said(
            "what was known of the ticket is forgotten: the clock begins anew at the reopening",
            "原工单记录已超过保存期，自重办起重新计时",
        )
    slug = "reopened_anew" if anew else "started"
    return Why(
        slug, _whole(began, _terms(terms, reckoning.basis), words.deadline_words(reckoning, tz))
    )


def warned(percent: int, terms: Terms, reckoning: Reckoning, tz: tzinfo) -> Why:
    left = words.duration_words(reckoning.remaining or timedelta(0))
    said = Said(
        f"{percent} % of the working time is used, {left.en} left",
        f"已用 {percent} % 工作时间，剩余 {left.zh}",
    )
    return Why("warning", _told(said, terms, reckoning, tz))


def breached(
    terms: Terms,
    missed: datetime,
    tz: tzinfo,
    tries: dict[str, Any] | None,
    *,
    basis: str = "policy",
    cut_over: bool = False,
) -> Why:
    """A deadline was missed; of a first contact also why (R26).

    Args:
        basis: on whose word that deadline was; empty: nobody knows any more.
        cut_over: it was missed before the ticket was imported: nobody knows who tried until then.
    """
    at = _instant(missed, tz)
    missing = words.TARGET_WORDS[terms.target]
    said = Said(f"{missing.en}: missed at {at.en}", f"{missing.zh}超时：{at.zh}")
    if tries is None:
        slug = "no_news" if terms.target == "interim" else "deadline_passed"
        return Why(slug, _whole(said, _terms(terms, basis)))
    if not tries["tries"] and cut_over:
        unknown = Said(
            "the import names no contact before cut-over; tries are not known",
            "导入数据没有上线前的联系记录，是否尝试联系不详",
        )
        return Why("unknown_before_cut_over", _whole(said, unknown, _terms(terms, basis)))
    if not tries["tries"]:
        nobody = Said("nobody tried to reach the citizen", "期间无人尝试联系市民")
        return Why("nobody_tried", _whole(said, nobody, _terms(terms, basis)))
    counted = tries["outcomes"]
    en = ", ".join(f"{name.replace('_', ' ')} {count}×" for name, count in counted.items())
    zh = "、".join(f"{_OUTCOMES_ZH.get(name, name)} {n} 次" for name, n in counted.items())
    reached = Said(
        f"{tries['tries']} tries reached nobody ({en})",
        f"已尝试 {tries['tries']} 次未联系上（{zh}）",
    )
    return Why("not_reached", _whole(said, reached, _terms(terms, basis)))


def tries_of(calls: Sequence[Call], until: datetime) -> dict[str, Any]:
    """``ContactTries``: the calls that reached nobody, up to the deadline."""
    mine = [each for each in calls if each.at <= until]
    outcomes = Counter(each.outcome or "other" for each in mine)
    data: dict[str, Any] = {"tries": len(mine), "outcomes": dict(outcomes)}
    if mine:
        data["last_at"] = mine[-1].at
        data["last_outcome"] = mine[-1].outcome
    return data


def paused(terms: Terms, reckoning: Reckoning, tz: tzinfo, *, changed: str = "") -> Why:
    """A clock stands still.

    Args:
        changed: what gave it another deadline while it stood still.
    """
    said = Said("on hold", "工单挂起，暂停计时")
    if changed:
        known = changed if changed in words.CAUSE_WORDS else "late_event"
        why = words.CAUSE_WORDS[known]
        said = Said(f"still on hold, and {why.en}", f"仍在挂起，{why.zh}")
    return Why("hold", _told(said, terms, reckoning, tz))


def resumed(why: str, terms: Terms, reckoning: Reckoning, tz: tzinfo) -> Why:
    unit = why == "reopened" and terms.target in OF_DISPATCH
    said = (
        _AGAIN.get("reopened_of_unit" if unit else why)
        or words.CAUSE_WORDS.get(why)
        or _ending(why)
    )
    return Why(why, _told(said, terms, reckoning, tz))


def moved(
    cause: str, before: datetime | None, terms: Terms, reckoning: Reckoning, tz: tzinfo
) -> Why:
    slug = reckoning.basis if reckoning.basis != "policy" else cause
    known = cause if cause in words.CAUSE_WORDS else "late_event"
    said = words.moved_words(known, before, reckoning.deadline, tz)
    return Why(slug, _whole(said, _terms(terms, reckoning.basis)))


def met(
    why: str,
    at: datetime,
    deadline: datetime | None,
    tz: tzinfo,
    terms: Terms,
    *,
    basis: str,
    late: bool,
    recorded_late: bool,
    missed: datetime | None,
) -> Why:
    """What was owed was done.

    Args:
        basis: on whose word the deadline is.
        missed: the deadline whose breach stands; it may be an earlier one than ``deadline``.
    """
    when = _instant(at, tz)
    said = _ending(why)
    said = Said(f"{said.en} on {when.en}", f"{said.zh}（{when.zh}）")
    if recorded_late:
        how = Said(
            "in time, but recorded too late to undo the breach",
            "按时完成，但补录过迟，超时记录保留",
        )
    elif late and deadline is not None:
        due = _instant(deadline, tz)
        how = Said(f"late, it was due {due.en}", f"逾期，时限为 {due.zh}")
    else:
        how = Said("in time", "按时")
    if missed is not None and missed != deadline and not recorded_late:
        before = _instant(missed, tz)
        how = Said(
            f"{how.en}, but the breach of {before.en} stands",
            f"{how.zh}，但 {before.zh} 的超时记录保留",
        )
    return Why(why, _whole(said, how, _terms(terms, basis)))


def cancelled(why: str, terms: Terms, basis: str) -> Why:
    nothing = Said("nothing is owed any more", "不再计时")
    return Why(why, _whole(_ending(why), nothing, _terms(terms, basis)))


def withdrawn(cause: str, missed: datetime | None, terms: Terms, basis: str, tz: tzinfo) -> Why:
    why = words.CAUSE_WORDS[cause if cause in words.CAUSE_WORDS else "late_event"]
    at = _instant(missed, tz) if missed is not None else Said("", "")
    said = Said(f"the breach of {at.en} is withdrawn: {why.en}", f"撤销 {at.zh} 的超时：{why.zh}")
    return Why(cause, _whole(said, _terms(terms, basis)))


def arbitration(dispatches: int, after: int, returns: int) -> Why:
    said = Said(
        f"dispatched {dispatches} times, returned {returns} times: from {after} on the arbiter "
        "designates who handles it",
        f"已派单 {dispatches} 次，退单 {returns} 次，达到 {after} 次须提请仲裁指定承办单位",
    )
    return Why("dispatched_too_often", said)
