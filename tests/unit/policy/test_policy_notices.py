"""Words of notices and the hours in which they wait, as a rules file says them (R2–R4, R9)."""

from datetime import datetime, time
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from policy.bundle import SHIPPED, load
from policy.errors import PolicyError
from policy.notices import Quiet, Quietable, Words

NIGHT = Quiet(time(21), time(8), frozenset({"citizen.progressed"}))
PROFILES = ("cn-12345", "us-311", "uk-council")


@pytest.mark.parametrize("profile", PROFILES)
def test_R9_every_profile_words_each_step_and_where_a_ticket_can_stand(profile: str) -> None:
    for version in load(profile).versions:
        notices = version.policy.notices
        told = {"dispatched", "accepted", "replied", "returned", "reopened", "closed"}
        assert told <= notices.stages.keys()
        # What one unit passes on to another below it stands somewhere, and is not told.
        assert "passed_on" in notices.stands
        assert "passed_on" not in notices.stages
        assert {"stages", "stands", "no_news", "result", "quiet", "overdue"} <= set(notices.sources)
        for words in (*notices.stages.values(), notices.no_news, notices.result):
            assert "{ticket}" in words.zh
            assert "{ticket}" in words.en


@pytest.mark.parametrize("profile", PROFILES)
def test_R2_no_receipt_waits_for_the_morning_and_all_else_does(profile: str) -> None:
    for version in load(profile).versions:
        kinds = version.policy.notices.quiet.kinds
        assert kinds == set(get_args(Quietable))
        assert "citizen.acknowledged" not in kinds


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("Asia/Shanghai", "2026-03-02 20:59:59", None),
        ("Asia/Shanghai", "2026-03-02 21:00:00", "2026-03-03T08:00:00+08:00"),
        ("Asia/Shanghai", "2026-12-31 23:30:00", "2027-01-01T08:00:00+08:00"),
        ("Asia/Shanghai", "2026-03-03 07:59:59", "2026-03-03T08:00:00+08:00"),
        ("Asia/Shanghai", "2026-03-03 08:00:00", None),
        # The clocks go forward in the night: eight o'clock is eight o'clock.
        ("Europe/London", "2026-03-28 22:00:00", "2026-03-29T08:00:00+01:00"),
        ("America/New_York", "2026-10-31 22:00:00", "2026-11-01T08:00:00-05:00"),
    ],
)
def test_quiet_hours_end_at_a_local_time(zone: str, at: str, until: str | None) -> None:
    tz = ZoneInfo(zone)
    found = NIGHT.until("citizen.progressed", datetime.fromisoformat(at).replace(tzinfo=tz), tz)
    assert (found and found.isoformat()) == until


def test_only_the_kinds_that_are_named_wait() -> None:
    tz = ZoneInfo("Asia/Shanghai")
    midnight = datetime(2026, 3, 3, tzinfo=tz)
    assert NIGHT.until("citizen.result", midnight, tz) is None


def test_a_text_is_filled_by_language_and_never_read_for_fields_again() -> None:
    words = Words("{unit}：{words}", "{unit}: {words}")
    filled = words.filled(unit=Words("承办单位", "the department"), words="{ticket} 100%")
    assert filled == Words("承办单位：{ticket} 100%", "the department: {ticket} 100%")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("已派至{unit}办理", "已派至{office}办理", r"no field \{office\}; there are: \{ticket\}"),
        ("目前：{stands}", "目前：{stage}", r"no field \{stage\}; there are: \{ticket\}"),
        ('from: "21:00"', 'from: "08:00"', "from and to are both 08:00; without quiet hours"),
        ('from: "21:00"', 'from: "25:00"', "notices.quiet.value.from"),
        ("citizen.result]", "citizen.acknowledged]", "citizen.acknowledged"),
        ('returned: {zh: "正在改派', 'passed: {zh: "正在改派', "notices.stands"),
        ('reopened: {zh: "正在重新', '# {zh: "正在重新', "stands lacks reopened; write each"),
    ],
)
def test_a_mistake_is_refused_when_the_policy_is_read(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    source = SHIPPED / "cn-12345"
    replaced = 0
    for path in source.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        replaced += text.count(old)
        copy.write_text(text.replace(old, new), encoding="utf-8")
    assert replaced
    with pytest.raises(PolicyError, match=said):
        load(tmp_path)
