"""Which rule sets a clock, what is told at once, and how a clock is put in words (R2, R25)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policy.bundle import Policy, load
from rules.clocks.promised import at_dispatch, at_receipt
from rules.clocks.reckoning import Hold, Reckoning, Setting, reckon
from rules.clocks.terms import Content, Terms, choose, promised, unit_calendar
from rules.clocks.words import (
    CAUSE_WORDS,
    deadline_words,
    duration_words,
    instant_words,
    moved_words,
    terms_words,
)

CN, US, UK = (load(name).versions[-1].policy for name in ("cn-12345", "us-311", "uk-council"))
TZ = ZoneInfo("Asia/Shanghai")
MANHOLE = Content(leaf="city.facilities.manhole", urgency="normal", request_type="complaint")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=TZ)


# --- Terms -------------------------------------------------------------------------------------


def test_terms_say_rule_amount_calendar_level_and_version() -> None:
    assert choose("resolve", MANHOLE, CN) == Terms(
        target="resolve",
        rule="resolve.normal",
        amount=7,
        unit="calendar_days",
        calendar="cn-workdays",
        roll=True,
        warnings=(75, 90),
        version=CN.version,
        level=3,
    )


@pytest.mark.parametrize(
    ("policy", "department", "calendar"),
    [
        (CN, "city-urban-management", "cn-workdays"),
        (CN, "市水务集团", "cn-24x7"),
        (CN, "city-water", "cn-24x7"),
        (CN, "street-east-01", "cn-workdays"),
        (CN, "a unit that the directory does not know", "cn-workdays"),
        (CN, None, "cn-workdays"),
        (US, "public-works", "us-federal"),
        (US, "city-311", "us-24x7"),
        (US, None, "us-federal"),
        (UK, "place", "uk-england"),
    ],
)
def test_a_department_counts_by_the_calendar_of_its_unit(
    policy: Policy, department: str | None, calendar: str
) -> None:
    assert unit_calendar(policy, department) == calendar
    accept = choose("accept", MANHOLE, policy, department)
    assert accept is not None
    assert accept.calendar == calendar


def test_where_the_policy_asks_for_nothing_a_promise_is_counted_by_the_units_calendar() -> None:
    assert choose("supervision", MANHOLE, CN) is None
    assert choose("no target of the policy", MANHOLE, CN) is None
    terms = promised("supervision", MANHOLE, CN, "city-water")
    assert (terms.rule, terms.amount, terms.unit) == ("promised", None, None)
    assert (terms.calendar, terms.warnings, terms.level) == ("cn-24x7", (75, 90), 3)
    assert promised("resolve", MANHOLE, CN) == choose("resolve", MANHOLE, CN)


def test_every_target_of_every_profile_can_be_reckoned_for_every_leaf() -> None:
    start = datetime(2026, 2, 10, 9, tzinfo=UTC)
    for policy in (CN, US, UK):
        for leaf in policy.categories.leaves():
            for target in policy.sla.rules:
                terms = choose(target, Content(leaf=leaf.code), policy)
                if terms is None:
                    assert target == "supervision"
                    continue
                clock = reckon(start, terms, policy.calendars[terms.calendar], until=start)
                assert clock.deadline is not None
                assert clock.deadline > start


# --- What is told at once --------------------------------------------------------------------


def test_R2_at_receipt_the_citizen_hears_the_deadlines_of_the_policy() -> None:
    # Friday 13 February: seven days end on Friday the 20th, in the Spring Festival holiday (15 to
    # 23 February); the first working day after it is Tuesday the 24th.
    told = at_receipt(MANHOLE, at("02-13T10:00"), CN)
    assert told == {"resolve": at("02-24T17:30"), "reply": at("02-24T17:30")}


def test_R2_what_the_platform_promised_wins() -> None:
    due = at("02-16T12:00")
    told = at_receipt(MANHOLE, at("02-13T10:00"), CN, due_at=due)
    assert told == {"resolve": due, "reply": due}
    assert at_receipt(MANHOLE, at("02-13T10:00"), CN, due_at=due, reply_owed=False) == {
        "resolve": due
    }


def test_R3_at_dispatch_the_liaison_hears_its_own_deadlines() -> None:
    gas = Content(leaf="utilities.gas.leak")
    assert at_dispatch(gas, at("03-01T23:50"), CN, "city-water") == {
        "accept": at("03-02T00:05"),
        "first_contact": at("03-03T00:00"),
        "department": at("03-02T01:50"),
    }
    given = {"accept": at("03-02T08:00"), "department": None}
    told = at_dispatch(MANHOLE, at("03-02T07:00"), CN, "city-urban-management", given=given)
    assert told == {
        "accept": at("03-02T08:00"),
        "first_contact": at("03-03T17:30"),
        "department": at("03-09T17:30"),
    }


def test_a_deadline_beyond_the_calendar_is_not_told_and_no_error() -> None:
    assert at_receipt(MANHOLE, datetime(2199, 1, 1, tzinfo=UTC), CN) == {}


def test_what_was_told_is_what_runs() -> None:
    start = at("09-25T16:00")
    for target, deadline in at_receipt(MANHOLE, start, CN).items():
        terms = choose(target, MANHOLE, CN)
        assert terms is not None
        clock = reckon(start, terms, CN.calendars[terms.calendar], until=start)
        assert clock.deadline == deadline


# --- In words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "content", "en", "zh"),
    [
        (
            "resolve",
            MANHOLE,
            "resolve within 7 calendar days, counted from the next day "
            "(rule resolve.normal, calendar cn-workdays)",
            "办结：次日起 7 个自然日内（规则 resolve.normal，日历 cn-workdays）",
        ),
        (
            "accept",
            Content(leaf="utilities.gas.leak"),
            "accept within 15 minutes (rule accept.danger, calendar cn-24x7)",
            "签收：15 分钟内（规则 accept.danger，日历 cn-24x7）",
        ),
        (
            "first_contact",
            MANHOLE,
            "first contact within 1 working day, counted from the next day "
            "(rule first_contact.normal, calendar cn-workdays)",
            "首次联系：次日起 1 个工作日内（规则 first_contact.normal，日历 cn-workdays）",
        ),
        (
            "supervision",
            MANHOLE,
            "supervision as promised by the platform (calendar cn-workdays)",
            "督办：平台承诺时限（日历 cn-workdays）",
        ),
    ],
)
def test_terms_in_words(target: str, content: Content, en: str, zh: str) -> None:
    assert terms_words(promised(target, content, CN)) == (en, zh)


@pytest.mark.parametrize(
    ("basis", "en", "zh"),
    [
        (
            "promised",
            "resolve as promised by the platform (calendar cn-workdays)",
            "办结：平台承诺时限（日历 cn-workdays）",
        ),
        (
            "extended",
            "resolve as extended (calendar cn-workdays)",
            "办结：经批准延期（日历 cn-workdays）",
        ),
        ("", "resolve (calendar cn-workdays)", "办结（日历 cn-workdays）"),
    ],
)
def test_R25_a_rule_that_was_not_applied_is_not_named(basis: str, en: str, zh: str) -> None:
    assert terms_words(promised("resolve", MANHOLE, CN), basis) == (en, zh)


def clock(start: str, until: str, *holds: Hold, setting: Setting | None = None) -> Reckoning:
    terms = choose("first_contact", MANHOLE, CN)
    assert terms is not None
    return reckon(
        at(start),
        terms,
        CN.calendars["cn-workdays"],
        settings=() if setting is None else (setting,),
        holds=holds,
        until=at(until),
    )


def test_a_deadline_in_words_is_local_and_says_on_whose_word() -> None:
    assert deadline_words(clock("03-02T10:00", "03-02T10:00"), TZ) == (
        "due Tue 2026-03-03 17:30, by the policy",
        "时限 2026-03-03 周二 17:30（依据时限规则）",
    )
    extended = Setting(at("03-02T11:00"), at("03-06T00:00"), "extended")
    assert deadline_words(clock("03-02T10:00", "03-02T12:00", setting=extended), TZ) == (
        "due Thu 2026-03-05 24:00, as extended",
        "时限 2026-03-05 周四 24:00（经批准延期）",
    )
    held = clock("03-02T10:00", "03-04T10:00", Hold(at("03-03T15:00")))
    assert deadline_words(held, TZ) == (
        "paused since Tue 2026-03-03 15:00, 2 h 30 min of working time left",
        "自 2026-03-03 周二 15:00 起暂停计时，剩余工作时间 2 小时 30 分钟",
    )


def test_a_deadline_that_rests_on_unpublished_days_or_on_none_says_so() -> None:
    start = datetime(2027, 3, 2, 2, tzinfo=UTC)
    terms = choose("first_contact", MANHOLE, CN)
    assert terms is not None
    calendar = CN.calendars["cn-workdays"]
    said = deadline_words(reckon(start, terms, calendar, until=start), TZ)
    assert said.en.endswith("days in between are not published yet and may change")
    assert "尚未公布" in said.zh
    far = datetime(2199, 3, 2, 2, tzinfo=UTC)
    said = deadline_words(reckon(far, terms, calendar, until=far), TZ)
    assert said.en == "no deadline: calendar cn-workdays does not know 2199"
    assert said.zh.startswith("时限无法计算")


@pytest.mark.parametrize(
    ("cause", "before", "after", "en", "zh"),
    [
        (
            "extension_granted",
            "03-03T17:30",
            "03-06T17:30",
            "due Fri 2026-03-06 17:30 instead of Tue 2026-03-03 17:30 (later): "
            "an extension was granted",
            "时限由 2026-03-03 周二 17:30 顺延至 2026-03-06 周五 17:30：批准延期",
        ),
        (
            "ticket_amended",
            "03-06T17:30",
            "03-03T17:30",
            "due Tue 2026-03-03 17:30 instead of Fri 2026-03-06 17:30 (earlier): "
            "the ticket was amended",
            "时限由 2026-03-06 周五 17:30 提前至 2026-03-03 周二 17:30：工单内容修改",
        ),
        (
            "hold_started",
            "03-03T17:30",
            None,
            "no deadline for now, it was Tue 2026-03-03 17:30: it was put on hold",
            "暂无时限，原时限 2026-03-03 周二 17:30：工单挂起",
        ),
        (
            "hold_ended",
            None,
            "03-06T17:30",
            "due Fri 2026-03-06 17:30 now: the hold ended",
            "时限现为 2026-03-06 周五 17:30：工单解挂",
        ),
        (
            "calendar",
            None,
            None,
            "no deadline for now: the working calendar changed",
            "暂无时限：工作日历变更",
        ),
        (
            "a_cause_of_tomorrow",
            "03-03T17:30",
            "03-03T17:30",
            "still due Tue 2026-03-03 17:30: a cause of tomorrow",
            "时限仍为 2026-03-03 周二 17:30：a_cause_of_tomorrow",
        ),
    ],
)
def test_why_a_deadline_moved_in_words(
    cause: str, before: str | None, after: str | None, en: str, zh: str
) -> None:
    old, new = (None if each is None else at(each) for each in (before, after))
    assert moved_words(cause, old, new, TZ) == (en, zh)


def test_durations_and_seconds_in_words() -> None:
    said = [duration_words(timedelta(minutes=each)).en for each in (0, 59, 60, 61, 1350, -90)]
    assert said == ["0 min", "59 min", "1 h", "1 h 1 min", "22 h 30 min", "-1 h 30 min"]
    assert instant_words(at("03-03T09:05:07"), TZ).en == "Tue 2026-03-03 09:05:07"
    assert all(words.en and words.zh for words in CAUSE_WORDS.values())


def test_another_policy_gives_its_own_terms_at_once() -> None:
    other = replace(CN, sla=UK.sla, version="other@1+000000000000")
    terms = choose("resolve", MANHOLE, other)
    assert terms is not None
    assert (terms.rule, terms.version) == ("resolve.stage-1", "other@1+000000000000")
    assert choose("resolve", MANHOLE, CN) != terms
