"""R33-R38 and rulings 5 and 14, case by case."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from policy.bundle import Policy
from schemas.events import CallRecorded, CommandApplied, CommandRefused, TicketReceived
from services.callback.state import MARKS_KEPT
from tests.model.callbacks import Machine, assert_I8, earliest_due, what
from tests.model.log import CN, LAMPS, Log, at, days, recorded

NIGHT = "environment.noise.night_construction"
CLOSED = at("2026-03-04 10:00")
HOUR = timedelta(hours=1)


class Case:
    """A ticket, closed on a Wednesday at ten."""

    def __init__(self, leaf: str = LAMPS, policy: Policy = CN, **content: Any) -> None:
        self.log = Log(content.pop("citizen", "c:1"))
        self.machine = Machine(policy)
        self.feed(
            self.log.received("T1", CLOSED - days(2), leaf, **{"channel": "phone", **content}),
            self.log.dispatched("T1", CLOSED - days(1), department="D1", handler="h1"),
        )

    def feed(self, *events: Any) -> list[str]:
        """What the events led to, as words."""
        return [what(fact) for fact in self.machine.feed(*events)]

    def close(self, when: datetime = CLOSED) -> list[str]:
        return self.feed(self.log.closed("T1", when))

    def until(self, when: datetime) -> list[str]:
        return [what(fact) for fact in self.machine.wake(when)]

    def run_to_due(self) -> datetime:
        """To just after the next ``due``; when that was."""
        due: datetime = self.data.due_at
        self.machine.wake(due + timedelta(seconds=2))
        assert what(self.machine.facts[-1]) == "due"
        return due

    def call(self, when: datetime, outcome: str, **data: Any) -> list[str]:
        said = {"purpose": "callback", "direction": "outbound", "outcome": outcome, **data}
        return self.feed(self.log.event(CallRecorded, "T1", when, said))

    def answer(self, when: datetime, **data: Any) -> list[str]:
        return self.feed(self.log.called_back("T1", when, **{"contacted": True, **data}))

    @property
    def data(self) -> Any:
        return self.machine.facts[-1].data

    def check(self) -> None:
        assert_I8(self.machine.facts, self.machine.policy)


def with_callback(**changes: Any) -> Policy:
    return replace(CN, callback=replace(CN.callback, **changes))


@pytest.mark.parametrize(
    ("closed", "earliest"),
    [
        ("2026-03-04 10:00", "2026-03-11 10:00"),
        ("2026-03-04 03:00", "2026-03-11 09:00"),
        ("2026-03-04 12:30", "2026-03-11 14:00"),
        ("2026-03-04 22:15", "2026-03-12 09:00"),
        ("2026-02-10 10:00", "2026-02-17 10:00"),  # Spring Festival: citizens are at home
    ],
)
def test_R33_due_at_the_close_and_seven_days_moved_into_calling_hours(
    closed: str, earliest: str
) -> None:
    case = Case(policy=with_callback(spread=timedelta(0)))
    assert case.close(at(closed)) == ["scheduled"]
    assert case.data.due_at == at(earliest) == earliest_due(at(closed))
    assert case.data.round == 1
    assert case.data.department == "D1"
    case.check()


def test_R33_a_reopening_cancels_and_the_next_close_arms_again() -> None:
    case = Case()
    case.close()
    first = case.data.task
    assert case.feed(case.log.reopened("T1", CLOSED + days(1))) == ["cancelled"]
    assert case.data.reason == "reopened"
    assert case.until(CLOSED + days(20)) == []
    assert case.close(CLOSED + days(21)) == ["scheduled"]
    assert case.data.task != first
    assert case.data.round == 2
    case.check()


@pytest.mark.parametrize("kind", ["withdrawn", "not_accepted"])
def test_R33_what_was_taken_back_is_not_asked_about(kind: str) -> None:
    case = Case()
    case.close()
    assert case.feed(getattr(case.log, kind)("T1", CLOSED + days(1))) == ["cancelled"]
    assert case.close(CLOSED + days(2)) == ["waived"]
    assert case.data.reason == kind
    assert case.feed(case.log.reopened("T1", CLOSED + days(3))) == []
    assert case.close(CLOSED + days(4)) == ["scheduled"]
    case.check()


def test_R33_two_closes_without_a_reopening_are_asked_about_once() -> None:
    case = Case()
    case.close()
    task = case.data.task
    assert case.close(CLOSED + days(1)) == ["waived"]
    assert case.data.reason == "closed_already"
    assert [fact.data.task for fact in case.machine.live().values()] == [task]
    case.check()


def test_R33_a_reopening_between_two_closes_that_comes_late_arms_the_second() -> None:
    case = Case()
    case.close()
    case.close(CLOSED + days(2))
    second = case.data.task
    late = recorded(case.log.reopened("T1", CLOSED + days(1)), CLOSED + days(3))
    assert case.feed(late) == ["cancelled", "scheduled"]
    assert case.data.task == second
    assert case.data.reason == "reopened_between"
    assert case.data.due_at >= CLOSED + days(9)
    case.check()


def test_R33_a_close_that_comes_after_its_reopening_is_waived() -> None:
    case = Case()
    assert case.feed(case.log.reopened("T1", CLOSED + days(1))) == []
    late = recorded(case.log.closed("T1", CLOSED), CLOSED + days(2))
    assert case.feed(late) == ["waived"]
    assert case.data.reason == "reopened_since"


def test_an_event_that_comes_again_states_nothing() -> None:
    case = Case()
    closed = case.log.closed("T1", CLOSED)
    assert case.feed(closed, closed) == ["scheduled"]
    answered = case.log.called_back("T1", CLOSED + days(7), contacted=True, resolved=False)
    assert case.feed(answered, answered, closed) == ["answered"]
    assert len(case.machine.commands) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"citizen": "anon:T1"}, "no_way_back"),
        ({"citizen": "anon:T1", "channel": "letter"}, "no_way_back"),
        ({"reply_wanted": False}, "reply_not_wanted"),
        ({"request_type": "praise"}, "type_not_asked"),
    ],
)
def test_R33_who_cannot_be_asked_is_counted_not_forgotten(
    content: dict[str, Any], reason: str
) -> None:
    case = Case(**content)
    assert case.close() == ["waived"]
    assert case.data.reason == reason
    assert case.until(CLOSED + days(30)) == []
    case.check()


def test_R33_an_anonymous_citizen_is_asked_on_the_way_on_which_they_came() -> None:
    case = Case(citizen="anon:T1", channel="wechat")
    assert case.close() == ["scheduled"]
    assert case.data.channel == "wechat"
    assert case.until(CLOSED + days(30)) == ["due", "uncontacted"]
    assert case.data.reason == "nobody_tried"  # nor did anybody say that a message was sent
    case.check()


def test_R33_a_close_that_became_known_too_late_is_waived() -> None:
    case = Case()
    assert case.feed(recorded(case.log.closed("T1", CLOSED), CLOSED + days(38))) == ["waived"]
    assert case.data.reason == "closed_long_ago"
    other = Case()
    assert other.feed(recorded(other.log.closed("T1", CLOSED), CLOSED + days(30))) == ["scheduled"]
    assert other.data.due_at >= CLOSED + days(30)


def test_R36_three_calls_in_three_slots_then_sms_then_uncontacted() -> None:
    case = Case()
    case.close()
    slots, dues = [], []
    for outcome in ("no_answer", "powered_off", "poor_signal"):
        due = case.run_to_due()
        assert case.data.channel == "phone"
        slots.append(case.data.slot)
        dues.append(due)
        assert case.call(due + 10 * timedelta(minutes=1), outcome) == ["attempted", "rescheduled"]
    assert sorted(slots) == ["afternoon", "evening", "morning"]
    assert dues[-1].date() - dues[0].date() <= timedelta(days=2)
    assert (case.data.channel, case.data.reason) == ("sms", "another_channel")
    sent = case.run_to_due()
    assert case.until(sent + 49 * HOUR) == ["attempted", "uncontacted"]
    assert case.data.resolved is None
    assert case.data.satisfied is None
    assert case.data.outcomes == {"no_answer": 2, "powered_off": 1, "poor_signal": 1}
    assert ("callback_ended", ("other", "city", "uncontacted")) in case.machine.notes
    case.check()


def test_R36_a_number_that_is_wrong_is_not_called_again() -> None:
    case = Case()
    case.close()
    assert case.call(case.run_to_due(), "wrong_number") == ["attempted", "rescheduled"]
    assert case.data.channel == "sms"


def test_R36_a_call_and_the_report_of_who_made_it_are_one_try() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    assert case.call(due, "no_answer") == ["attempted", "rescheduled"]
    report = case.answer(due + timedelta(minutes=5), contacted=False, outcome="no_answer")
    assert report == []
    assert case.data.attempt == 1
    case.check()


def test_R36_a_slot_in_which_nobody_tried_is_told_and_the_task_goes_on() -> None:
    case = Case()
    case.close()
    case.run_to_due()
    until = case.data.until
    assert case.until(until + 29 * timedelta(minutes=1)) == []
    assert case.until(until + 31 * timedelta(minutes=1)) == ["rescheduled"]
    assert (case.data.reason, case.data.outcome) == ("not_tried", "not_tried")
    assert case.data.outcomes == {"not_tried": 1}
    # The report of a try in that slot comes late: it was no missed slot.
    tried = until - timedelta(minutes=1)
    late = case.log.event(CallRecorded, "T1", tried, {"purpose": "callback", "outcome": "busy"})
    assert case.feed(recorded(late, until + HOUR)) == ["attempted", "rescheduled"]
    assert case.data.outcomes == {"busy": 1}
    case.check()


def test_R36_a_task_that_nobody_ever_tries_ends_and_says_so() -> None:
    case = Case(policy=with_callback(then=()))
    case.close()
    case.until(CLOSED + days(30))
    assert what(case.machine.facts[-1]) == "uncontacted"
    assert case.data.reason == "nobody_tried"
    assert case.data.outcomes == {"not_tried": CN.callback.not_tried_at_most}
    assert ("callback_ended", ("other", "city", "nobody_tried")) in case.machine.notes
    case.check()


def test_R37_a_message_of_which_nobody_reports_anything_is_not_said_to_be_sent() -> None:
    case = Case()
    case.close()
    case.until(CLOSED + days(30))
    kinds = [what(fact) for fact in case.machine.facts]
    assert "attempted" not in kinds
    assert kinds[-1] == "uncontacted"
    to_message = next(each for each in case.machine.facts if each.data.reason == "no_try_reported")
    assert (to_message.data.channel, to_message.data.outcome) == ("sms", "not_tried")
    assert "phone" in to_message.data.reason_en
    assert case.data.reason == "nobody_tried"
    assert "No try was reported" in case.data.reason_en
    assert "无回访记录" in case.data.reason_zh
    ended = [each[1][-1] for each in case.machine.notes if each[0] == "callback_ended"]
    assert ended == ["nobody_tried"]
    assert not [each for each in case.machine.notes if each[0] == "callback_tries"]
    case.check()


def test_R34_resolved_and_satisfied_are_separate_answers() -> None:
    case = Case()
    case.close()
    assert case.answer(case.run_to_due(), resolved=True, satisfied=5) == ["answered"]
    assert (case.data.resolved, case.data.satisfied, case.data.follow_up) == (True, 5, "none")
    case.check()


def test_R34_not_resolved_goes_back_to_the_department() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    assert case.answer(due, resolved=False, satisfied=1, reasons=["slow"]) == ["answered"]
    (command,) = case.machine.commands
    assert case.data.follow_up == "reopen"
    assert case.data.command == command.id
    assert case.data.reasons == ("slow",)
    assert (command.subject, command.source) == ("T1", "hotline/callback")
    assert (command.data.cause.value, command.data.round) == ("not_resolved", 1)
    assert (command.data.department, command.data.resolved) == ("D1", False)
    assert case.feed(case.log.reopened("T1", due + HOUR)) == []
    assert case.until(due + days(10)) == []
    case.check()


def test_R34_after_the_policys_rounds_an_arbiter_decides() -> None:
    case = Case()
    when = CLOSED
    for number in range(1, 5):
        case.close(when)
        due = case.run_to_due()
        case.answer(due, resolved=False)
        assert case.data.follow_up == ("reopen" if number <= 3 else "arbitration")
        when = due + days(1)
        case.feed(case.log.reopened("T1", due + HOUR))
    assert [command.data.round for command in case.machine.commands] == [1, 2, 3]
    case.check()


def test_a_command_that_the_platform_refuses_goes_to_the_arbiter() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=False)
    (command,) = case.machine.commands
    refused = case.log.event(CommandRefused, "T1", due + HOUR, {"command_id": command.id})
    assert case.feed(refused) == ["answered"]
    assert (case.data.follow_up, case.data.reason) == ("arbitration", "reopen_refused")
    assert case.until(due + days(10)) == []
    case.check()


def test_a_command_that_nobody_answers_goes_to_the_arbiter() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=False)
    assert case.until(due + 47 * HOUR) == []
    assert case.until(due + 49 * HOUR) == ["answered"]
    assert (case.data.follow_up, case.data.reason) == ("arbitration", "reopen_unanswered")


def test_a_command_that_was_applied_waits_for_the_reopening() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=False)
    (command,) = case.machine.commands
    applied = case.log.event(CommandApplied, "T1", due + HOUR, {"command_id": command.id})
    assert case.feed(applied) == []
    assert case.until(due + days(10)) == []


@pytest.mark.parametrize(("choice", "commands"), [("review", 0), ("none", 0), ("reopen", 1)])
def test_ruling_14_dissatisfied_though_resolved(choice: Any, commands: int) -> None:
    case = Case(policy=with_callback(dissatisfied=choice))
    case.close()
    assert case.answer(case.run_to_due(), resolved=True, satisfied=2) == ["answered"]
    assert (case.data.follow_up, case.data.reason) == (choice, "dissatisfied")
    assert len(case.machine.commands) == commands
    assert all(each.data.cause.value == "dissatisfied" for each in case.machine.commands)


def test_R34_reached_but_whether_resolved_was_not_said_is_asked_again() -> None:
    case = Case(policy=with_callback(then=()))
    case.close()
    for number in range(3):
        expected = ["attempted", "rescheduled" if number < 2 else "answered"]
        assert case.answer(case.run_to_due(), satisfied=4) == expected
    assert (case.data.follow_up, case.data.reason) == ("review", "nothing_said_at_all")
    assert case.data.resolved is None
    case.check()


def test_a_call_that_was_taken_waits_for_what_was_said() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    assert case.call(due, "answered") == []
    assert case.answer(due + 3 * HOUR, resolved=True) == ["answered"]
    assert case.data.attempt == 1  # what was said in that call, entered later
    assert case.until(due + days(5)) == []
    other = Case()
    other.close()
    due = other.run_to_due()
    other.call(due, "answered")
    start = len(other.machine.facts)
    assert other.until(due + 24 * HOUR + timedelta(minutes=1))[:2] == ["attempted", "rescheduled"]
    assert [fact.data.reason for fact in other.machine.facts[start:][:2]] == [
        "nothing_said",
        "asked_again",
    ]


def test_R35_an_intermittent_problem_is_asked_about_twice() -> None:
    case = Case(NIGHT)
    case.close()
    due = case.run_to_due()
    assert case.answer(due, resolved=True, satisfied=5) == ["answered", "recheck"]
    assert (case.data.check, case.data.checks) == (2, 2)
    # Three days on, and after a night of risk: 22:00 to 06:00.
    assert case.data.due_at >= at((due + days(4)).date().isoformat() + " 09:00")
    assert case.data.due_at.date() == (due + days(4)).date()
    assert case.answer(case.run_to_due(), resolved=False) == ["answered"]
    assert len(case.machine.commands) == 1
    case.check()


def test_R35_what_is_said_before_the_hours_of_risk_is_no_second_check() -> None:
    case = Case(NIGHT)
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=True)
    assert case.answer(due + HOUR, resolved=True) == []
    assert case.answer(due + 5 * HOUR, resolved=False) == ["answered"]
    assert case.data.follow_up == "reopen"


def test_an_answer_before_it_was_due_ends_the_task() -> None:
    case = Case()
    case.close()
    assert case.answer(CLOSED + days(1), resolved=True) == ["answered"]
    assert case.until(CLOSED + days(20)) == []
    case.check()


def test_an_answer_to_the_task_of_an_earlier_close_changes_nothing() -> None:
    case = Case()
    case.close()
    old = case.data.task
    case.feed(case.log.reopened("T1", CLOSED + days(1)))
    case.close(CLOSED + days(2))
    assert case.answer(CLOSED + days(3), resolved=False, task_id=old) == []
    late = case.log.called_back("T1", CLOSED + HOUR, contacted=True, resolved=False)
    assert case.feed(recorded(late, CLOSED + days(4))) == []
    assert case.answer(CLOSED + days(5), resolved=True, task_id="the platform's") == ["answered"]
    assert ("callback_stray_answers", ("platform",)) in case.machine.notes
    case.check()


def test_an_answer_that_is_corrected_is_stated_again() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=True)
    assert case.answer(due + HOUR, resolved=True) == []
    assert case.answer(due + 2 * HOUR, resolved=False) == ["answered"]
    assert case.data.follow_up == "reopen"
    earlier = case.log.called_back("T1", due + HOUR, contacted=True, resolved=True)
    assert case.feed(recorded(earlier, due + 3 * HOUR)) == []
    case.check()


def test_an_answer_after_every_way_was_tried_still_counts() -> None:
    case = Case(policy=with_callback(then=()))
    case.close()
    case.until(CLOSED + days(30))
    assert case.answer(CLOSED + days(31), resolved=True) == ["answered"]
    assert case.data.follow_up == "none"


def test_R38_the_way_that_the_citizen_wants_comes_first_and_no_call_is_made() -> None:
    case = Case(reply_by="wechat")
    case.close()
    channels = []
    while what(case.machine.facts[-1]) != "uncontacted":
        assert case.until(case.machine.facts[-1].time + days(8))
    channels = [fact.data.channel for fact in case.machine.facts if what(fact) == "due"]
    assert channels == ["wechat", "sms"]
    case.check()


def test_R38_the_citizens_own_outcomes_choose_the_slot() -> None:
    case = Case()
    for number in range(8):
        evening = at("2026-02-01 18:00") + days(number)
        morning = at("2026-02-01 10:00") + days(number)
        for when, outcome in ((morning, "no_answer"), (evening, "answered")):
            said = {"purpose": "progress", "direction": "outbound", "outcome": outcome}
            case.feed(case.log.event(CallRecorded, "T1", when, said))
    case.close()
    assert case.data.slot == "evening"
    assert case.data.due_at.date() == (CLOSED + days(7)).date()
    choice = case.data.choice
    assert (choice.own_reached, choice.own_tried, choice.basis) == (8, 8, "citizen")
    assert choice.reached == round((8 + 4 * 0.6) / 12, 3)
    assert choice.lower == pytest.approx(0.676, abs=0.001)  # Wilson, 8 of 8
    case.check()


def test_an_import_that_is_closed_is_asked_about_unless_it_was() -> None:
    def imported(**data: Any) -> list[str]:
        log, machine = Log(), Machine()
        content = {"state": "closed", "closed_at": (CLOSED - days(2)).isoformat(), **data}
        return [what(each) for each in machine.feed(log.imported("T1", CLOSED, **content))]

    assert imported() == ["scheduled"]
    assert imported(clocks=[{"clock": "callback", "stopped_at": CLOSED.isoformat()}]) == ["waived"]
    assert imported(closed_at=(CLOSED - days(99)).isoformat()) == ["waived"]
    assert imported(state="accepted") == []


def test_quiet_hours_hold_even_when_the_policys_hours_change_meanwhile() -> None:
    case = Case()
    case.close()
    evening_only = tuple(each for each in CN.callback.slots if each[0] == "evening")
    later = with_callback(slots=evening_only, _openings={})
    case.machine.policy = later
    assert case.data.slot != "evening"
    assert case.data.due_at is not None
    assert case.until(case.data.due_at + timedelta(seconds=2)) == ["rescheduled"]
    assert (case.data.reason, case.data.slot) == ("hours_changed", "evening")


def test_a_ticket_without_a_receipt_is_asked_about_all_the_same() -> None:
    log, machine = Log(), Machine()
    assert [what(each) for each in machine.feed(log.closed("T1", CLOSED))] == ["scheduled"]


def test_what_stands_is_forgotten_in_the_end() -> None:
    case = Case()
    case.close()
    case.answer(case.run_to_due(), resolved=True)
    assert {key[:2] for key in case.machine.states} == {"t:", "c:"}
    case.until(CLOSED + days(800))
    assert case.machine.states == {}


def test_the_hours_of_a_received_ticket_are_not_needed() -> None:
    """A platform that publishes five fields has a callback, too."""
    log, machine = Log(), Machine()
    bare = log.event(TicketReceived, "T1", CLOSED - days(1), {})
    found = machine.feed(bare, log.closed("T1", CLOSED))
    assert [what(each) for each in found] == ["scheduled"]


def test_a_ticket_that_is_closed_again_and_again_keeps_its_task_and_a_small_state() -> None:
    case = Case()
    case.close()
    task = case.data.task
    for number in range(1, 60):
        assert case.close(CLOSED + number * timedelta(minutes=1)) == ["waived"]
    assert [fact.data.task for fact in case.machine.live().values()] == [task]
    kept = case.machine.state("t:T1")
    assert kept is not None
    assert kept.ticket is not None
    assert len(kept.ticket.marks) == MARKS_KEPT
    assert case.feed(case.log.reopened("T1", CLOSED + days(1))) == ["cancelled"]
    case.check()


def test_a_ticket_that_is_reopened_again_and_again_has_one_task_at_a_time() -> None:
    case = Case()
    for number in range(30):
        when = CLOSED + days(number)
        assert case.close(when) == ["scheduled"]
        assert case.data.round == number + 1
        assert case.feed(case.log.reopened("T1", when + HOUR)) == ["cancelled"]
    case.check()


def test_a_platform_that_calls_without_end_fills_no_state() -> None:
    case = Case()
    case.close()
    for number in range(60):
        case.answer(CLOSED + days(1) + number * HOUR, satisfied=3)
    kept = case.machine.state("t:T1")
    assert kept is not None
    assert kept.ticket is not None
    assert kept.ticket.task is not None
    assert len(kept.ticket.task.tries) <= 5
    case.check()


def test_R37_a_try_is_counted_once_by_its_hour_and_outcome() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.call(due, "powered_off")
    case.answer(due + timedelta(minutes=3), contacted=False, outcome="powered_off")
    hour = f"{due.astimezone(CN.time_zone).hour:02d}"
    tries = [labels for name, labels in case.machine.notes if name == "callback_tries"]
    assert tries == [("phone", hour, "powered_off")]


def test_R34_a_ticket_that_is_open_again_is_not_asked_to_be_reopened() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=True)
    case.feed(case.log.reopened("T1", due + HOUR))
    assert case.answer(due + 2 * HOUR, resolved=False) == []
    assert case.machine.commands == []
    case.check()


def test_a_withdrawal_ends_the_wait_for_the_platforms_answer() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    case.answer(due, resolved=False)
    assert case.feed(case.log.withdrawn("T1", due + HOUR)) == []
    assert case.until(due + days(10)) == []


def test_R34_an_answer_that_is_corrected_twice_asks_for_one_reopening() -> None:
    case = Case()
    case.close()
    due = case.run_to_due()
    follow_ups = []
    for number, resolved in enumerate((False, True, False)):
        assert case.answer(due + number * HOUR, resolved=resolved) == ["answered"]
        follow_ups.append(case.data.follow_up)
    assert follow_ups == ["reopen", "none", "reopen"]
    assert len(case.machine.commands) == 1
    case.check()
