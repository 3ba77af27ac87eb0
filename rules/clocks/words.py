"""A clock in words, for whoever must answer for it: rule, amount, calendar, deadline, why it moved.

A supervisor reads «due Tue 2026-03-03 17:30», not a number of minutes; each is one short sentence
without its full stop, in English and in Chinese.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from rules.clocks.reckoning import POLICY, Reckoning
from rules.clocks.terms import PROMISED, Terms
from rules.words import Said

TARGET_WORDS: Final[Mapping[str, Said]] = {
    "accept": Said("accept", "签收"),
    "first_contact": Said("first contact", "首次联系"),
    "interim": Said("news for the citizen", "过程告知"),
    "resolve": Said("resolve", "办结"),
    "reply": Said("reply", "答复"),
    "department": Said("department's handling", "承办"),
    "verification": Said("verification", "核实"),
    "supervision": Said("supervision", "督办"),
    "return": Said("ask to return it", "申请退单"),
}
"""By target."""

BASIS_WORDS: Final[Mapping[str, Said]] = {
    "policy": Said("by the policy", "依据时限规则"),
    "promised": Said("as promised by the platform", "平台承诺时限"),
    "extended": Said("as extended", "经批准延期"),
    "designated": Said("as the arbiter designated", "仲裁指定"),
    "rejected": Said("as set when the reply was rejected", "驳回时重新规定"),
    "reopened": Said("as set at the reopening", "重办时规定"),
    "imported": Said("as taken over at cut-over", "上线导入时限"),
}
"""On whose word a deadline is."""

CAUSE_WORDS: Final[Mapping[str, Said]] = {
    "extension_granted": Said("an extension was granted", "批准延期"),
    "ticket_designated": Said("the arbiter designated who handles it", "仲裁指定承办单位"),
    "reply_rejected": Said("the reply was rejected", "回单被驳回"),
    "ticket_reopened": Said("the ticket was reopened", "工单重办"),
    "ticket_amended": Said("the ticket was amended", "工单内容修改"),
    "hold_started": Said("it was put on hold", "工单挂起"),
    "hold_ended": Said("the hold ended", "工单解挂"),
    "ticket_dispatched": Said("it was dispatched", "工单派单"),
    "policy": Said("another version of the policy came into force", "新版时限规则生效"),
    "calendar": Said("the working calendar changed", "工作日历变更"),
    "late_event": Said("an event came in late", "补录事件"),
}
"""Why a deadline moved; a cause that is not here stands for itself."""

_UNIT_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "minutes": ("minute", "minutes", "分钟"),
    "hours": ("hour", "hours", "小时"),
    "working_days": ("working day", "working days", "个工作日"),
    "calendar_days": ("calendar day", "calendar days", "个自然日"),
}
_WEEKDAYS_ZH: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def terms_words(terms: Terms, basis: str = POLICY) -> Said:
    """«resolve within 7 calendar days, counted from the next day (rule resolve.normal, calendar
    cn-workdays)»; where the rule was not applied, who set the deadline.

    Args:
        basis: on whose word the deadline is; empty: nobody knows any more.
    """
    target = TARGET_WORDS.get(terms.target) or Said(terms.target, terms.target)
    if basis == POLICY and (terms.amount is None or terms.unit is None):
        basis = PROMISED
    if basis != POLICY:
        by = BASIS_WORDS.get(basis) or Said(basis, basis)
        return Said(
            f"{target.en}{' ' if by.en else ''}{by.en} (calendar {terms.calendar})",
            f"{target.zh}{'：' if by.zh else ''}{by.zh}（日历 {terms.calendar}）",
        )
    assert terms.amount is not None
    assert terms.unit is not None
    amount = amount_words(terms.amount, terms.unit)
    days = terms.unit in ("working_days", "calendar_days")
    return Said(
        f"{target.en} within {amount.en}{', counted from the next day' if days else ''} "
        f"(rule {terms.rule}, calendar {terms.calendar})",
        f"{target.zh}：{'次日起 ' if days else ''}{amount.zh}内"
        f"（规则 {terms.rule}，日历 {terms.calendar}）",
    )


def amount_words(amount: int, unit: str) -> Said:
    """«1 working day»."""
    one, many, zh = _UNIT_WORDS[unit]
    return Said(f"{amount} {one if amount == 1 else many}", f"{amount} {zh}")


def deadline_words(reckoning: Reckoning, tz: tzinfo) -> Said:
    """When it is due and on whose word; or that it is paused, or cannot be reckoned."""
    basis = BASIS_WORDS.get(reckoning.basis) or Said(reckoning.basis, reckoning.basis)
    if reckoning.undetermined is not None and reckoning.deadline is None:
        return Said(
            f"no deadline: {reckoning.undetermined}", f"时限无法计算：{reckoning.undetermined}"
        )
    if reckoning.paused_since is not None:
        since = instant_words(reckoning.paused_since, tz)
        left = duration_words(reckoning.remaining or timedelta(0))
        return Said(
            f"paused since {since.en}, {left.en} of working time left",
            f"自 {since.zh} 起暂停计时，剩余工作时间 {left.zh}",
        )
    assert reckoning.deadline is not None
    due = instant_words(reckoning.deadline, tz)
    if reckoning.undetermined is not None:
        return Said(
            f"due {due.en}, {basis.en}; working time until then is not known: "
            f"{reckoning.undetermined}",
            f"时限 {due.zh}（{basis.zh}；期间工作时间无法计算：{reckoning.undetermined}）",
        )
    if reckoning.provisional:
        return Said(
            f"due {due.en}, {basis.en}; days in between are not published yet and may change",
            f"时限 {due.zh}（{basis.zh}；期间节假日安排尚未公布，可能调整）",
        )
    return Said(f"due {due.en}, {basis.en}", f"时限 {due.zh}（{basis.zh}）")


def moved_words(cause: str, before: datetime | None, after: datetime | None, tz: tzinfo) -> Said:
    """From when to when the deadline moved, and why; None is a clock that stands still."""
    why = CAUSE_WORDS.get(cause) or Said(cause.replace("_", " "), cause)
    old = None if before is None else instant_words(before, tz)
    new = None if after is None else instant_words(after, tz)
    if new is None:
        was = Said("", "") if old is None else Said(f", it was {old.en}", f"，原时限 {old.zh}")
        return Said(f"no deadline for now{was.en}: {why.en}", f"暂无时限{was.zh}：{why.zh}")
    if old is None:
        return Said(f"due {new.en} now: {why.en}", f"时限现为 {new.zh}：{why.zh}")
    assert before is not None
    assert after is not None
    if after == before:
        return Said(f"still due {new.en}: {why.en}", f"时限仍为 {new.zh}：{why.zh}")
    later = Said("later", "顺延") if after > before else Said("earlier", "提前")
    return Said(
        f"due {new.en} instead of {old.en} ({later.en}): {why.en}",
        f"时限由 {old.zh} {later.zh}至 {new.zh}：{why.zh}",
    )


@lru_cache(maxsize=4096)
def instant_words(at: datetime, tz: tzinfo) -> Said:
    """«Tue 2026-03-03 17:30», local; midnight is the 24:00 of the day that ends with it."""
    local = at.astimezone(tz)
    # By hand, not by strftime: every fact of a clock says instants.
    clock = f"{local.hour:02d}:{local.minute:02d}"
    if local.second:
        clock = f"{clock}:{local.second:02d}"
    if not (local.hour or local.minute or local.second or local.microsecond):
        local, clock = local - timedelta(days=1), "24:00"
    weekday = local.weekday()
    day = local.date().isoformat()
    return Said(
        f"{_WEEKDAYS_EN[weekday]} {day} {clock}",
        f"{day} 周{_WEEKDAYS_ZH[weekday]} {clock}",
    )


def duration_words(amount: timedelta) -> Said:
    """Working time: hours and minutes, for «days» would leave open how long one is."""
    sign = "-" if amount < timedelta(0) else ""
    minutes = int(abs(amount).total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return Said(f"{sign}{rest} min", f"{sign}{rest} 分钟")
    if not rest:
        return Said(f"{sign}{hours} h", f"{sign}{hours} 小时")
    return Said(f"{sign}{hours} h {rest} min", f"{sign}{hours} 小时 {rest} 分钟")
