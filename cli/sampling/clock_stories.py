"""Tickets, each for what a clock or a callback says of it (R25-R38).

They begin three weeks before the day. Deadlines are the policy's: nobody promises any, so that the
working calendar decides. On a Monday after a make-up Saturday (调休: 2026-03-02, 2026-10-12) one of
them falls on that Saturday. ``CLOCK_STORIES`` says what the services state; a test holds them to
it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cli.sampling.kinds import Kind
from cli.sampling.steps import received
from cli.sampling.stories import (
    DUST,
    LEAK,
    LIFT,
    LIGHT,
    NOISE,
    PARKING,
    ROAD,
    RUBBISH,
    STALLS,
    Teller,
)
from cli.sampling.ticket import DAY, HOUR, MINUTE, TELEPHONY, Data, Ticket, stamp

SUPPORTING: Final = "city-ecology"
"""协办 of a joint ticket."""


class Case:
    """A ticket told to the minute."""

    def __init__(self, teller: Teller, leaf: str, *, days: int, at: str) -> None:
        """
        Args:
            days: before the day, when it is received.
            at: local time, ``HH:MM``.
        """
        self.teller = teller
        self.ticket: Ticket = teller.ticket(leaf, self.when(days, at))
        self.ticket.extra = {"due_at": None}
        received(self.ticket)

    def when(self, days: int, at: str) -> int:
        """Seconds since 1970 of a local time, so many days before the day."""
        hour, minute = at.split(":")
        return self.teller.midnight - days * DAY + int(hour) * HOUR + int(minute) * MINUTE

    @property
    def department(self) -> str:
        return self.ticket.theme.department

    def say(self, kind: str, days: int, at: str, data: Data, source: str | None = None) -> None:
        when = self.when(days, at)
        if source is None:
            self.ticket.say(kind, when, data)
        else:
            self.ticket.say(kind, when, data, source=source)

    def dispatch(
        self, days: int, at: str, *, number: int = 1, unit: str = "", role: str = "lead"
    ) -> None:
        data = {"dispatch_id": self.id_of(number), "department": unit or self.department}
        self.say("ticket.dispatched", days, at, data | {"role": role, "by": self.ticket.agent})

    def id_of(self, number: int) -> str:
        return f"{self.ticket.id}-D{number}"

    def accept(self, days: int, at: str, *, number: int = 1, unit: str = "") -> None:
        data = {"dispatch_id": self.id_of(number), "department": unit or self.department}
        self.say("dispatch.accepted", days, at, data | {"handler": self.ticket.handler})

    def call(self, days: int, at: str, outcome: str = "answered") -> None:
        """首次联系, as the telephone system has it."""
        when = self.when(days, at)
        citizen = self.ticket.citizen
        assert citizen is not None, "a story's citizen is known"
        data: Data = {
            "purpose": "first_contact",
            "direction": "outbound",
            "dispatch_id": self.id_of(1),
            "department": self.department,
            "caller": self.ticket.handler,
            "number": citizen.phone,
            "started_at": stamp(when - 90),
            "duration_seconds": 80 if outcome == "answered" else 0,
            "outcome": outcome,
        }
        self.say("call.recorded", days, at, data, TELEPHONY)

    def under_way(self, days: int) -> None:
        """Dispatched, accepted and called within the day of its receipt."""
        self.dispatch(days, "10:00")
        self.accept(days, "11:00")
        self.call(days, "15:00")

    def reply(self, days: int, at: str, *, number: int = 1, unit: str = "") -> None:
        theme, slots = self.ticket.theme, self.ticket.slots
        when = self.when(days, at)
        data: Data = {
            "reply_id": f"{self.ticket.id}-R{number}-{days}",
            "dispatch_id": self.id_of(number),
            "department": unit or self.department,
            "handler": self.ticket.handler,
            "cause": theme.cause,
            "findings": theme.findings.format_map(slots),
            "handling": theme.handling.format_map(slots),
            "reply_method": "phone",
            "contacted_at": stamp(when - HOUR),
            "citizen_response": "市民表示已知晓。",
            "resolved": True,
            "satisfied": True,
        }
        self.say("reply.submitted", days, at, data)

    def approve(self, days: int, at: str) -> None:
        name = f"{self.ticket.id}-R1-{days}"
        self.say("reply.approved", days, at, {"reply_id": name, "by": "Q01"})

    def close(self, days: int, at: str) -> None:
        self.say("ticket.closed", days, at, {"reason": "已办结", "resolution": "done"})

    def finish(self, days: int) -> None:
        """Replied, approved and closed within a morning."""
        self.reply(days, "10:00")
        self.approve(days, "11:00")
        self.close(days, "11:30")

    def ask(self, days: int, *, resolved: bool = True) -> None:
        """回访: the citizen is reached, a week and a day after the close before noon.

        A task comes due on the seventh day, spread over some hours: some of the tasks are late.
        """
        data: Data = {
            "contacted": True,
            "asked_by": "V01",
            "attempt": 1,
            "channel": "phone",
            "outcome": "answered",
            "resolved": resolved,
            "satisfied": 5 if resolved else 2,
        }
        if not resolved:
            data |= {"reasons": ["not_resolved"], "text": "问题仍然存在，没有人上门。"}
        self.say("callback.answered", days, "11:55", data)

    def miss(self, days: int, at: str, attempt: int, outcome: str, channel: str = "phone") -> None:
        """回访: nobody is reached."""
        data = {"contacted": False, "attempt": attempt, "channel": channel, "outcome": outcome}
        self.say("callback.answered", days, at, data)

    def reopen(self, days: int, at: str, cause: str) -> None:
        data = {"cause": cause, "department": self.department, "by": "V01"}
        self.say("ticket.reopened", days, at, data)

    def told(self) -> str:
        return self.teller.tell(self.ticket)


Tell = Callable[[Teller], str]


@dataclass(frozen=True, slots=True)
class ClockStory:
    """A story, and facts that are stated of its ticket, among others."""

    tell: Tell
    shows: tuple[str, ...]
    """``breached resolve`` of a clock, ``callback answered``, ``command reopen``."""

    @property
    def name(self) -> str:
        return self.tell.__name__.strip("_")


def _nobody_replies(teller: Teller) -> str:
    """Accepted and called, and then nothing: no news, no reply, no close."""
    case = Case(teller, RUBBISH, days=21, at="09:30")
    case.under_way(21)
    return case.told()


def _waits_for_the_weather(teller: Teller) -> str:
    """挂起 for two days and a half: closed after the first deadline, and in time (ruling 12)."""
    case = Case(teller, DUST, days=21, at="09:00")
    case.under_way(21)
    rain: Data = {"reason": "等待雨停后施工", "reason_code": "weather"}
    case.say("hold.started", 20, "10:00", rain)
    case.say("hold.ended", 18, "15:00", {"reason": "天气好转", "by": case.ticket.handler})
    case.finish(13)
    case.ask(5)
    return case.told()


def _due_on_a_make_up_day(teller: Teller) -> str:
    """Dispatched on Friday, due on the Saturday that is worked for a holiday (调休), left alone."""
    case = Case(teller, PARKING, days=3, at="15:40")
    case.dispatch(3, "16:20")
    case.accept(1, "10:00")
    case.call(0, "09:30")
    return case.told()


def _extended_in_time(teller: Teller) -> str:
    """延期, asked before due and granted."""
    case = Case(teller, LIFT, days=21, at="10:00")
    case.under_way(21)
    asked: Data = {
        "dispatch_id": case.id_of(1),
        "department": case.department,
        "new_due_at": stamp(case.when(4, "17:30")),
    }
    case.say("extension.requested", 18, "09:00", asked | {"reason": "需要采购配件"})
    case.say("extension.granted", 18, "14:00", asked | {"by": "M02"})
    case.finish(12)
    case.ask(4)
    return case.told()


def _closed_too_early(teller: Teller) -> str:
    """主办 asks to close while 协办 has not replied (R30)."""
    case = Case(teller, STALLS, days=21, at="09:10")
    case.under_way(21)
    case.dispatch(21, "10:05", number=2, unit=SUPPORTING, role="supporting")
    case.accept(21, "14:30", number=2, unit=SUPPORTING)
    case.reply(20, "10:00")
    asked: Data = {"by": case.ticket.handler, "resolution": "done", "dispatch_id": case.id_of(1)}
    case.say("close.requested", 20, "11:00", asked)
    case.reply(19, "10:00", number=2, unit=SUPPORTING)
    case.say("close.requested", 19, "15:00", asked)
    case.say("reply.approved", 19, "15:30", {"reply_id": f"{case.ticket.id}-R1-20", "by": "Q01"})
    case.close(19, "16:00")
    case.ask(11)
    return case.told()


def _wanders(teller: Teller) -> str:
    """退单 twice; the third dispatch calls for the arbiter (R29)."""
    case = Case(teller, LIGHT, days=21, at="09:20")
    for number, unit in enumerate(("city-transport", "city-housing"), start=1):
        days = 22 - number
        case.dispatch(days, "10:00", number=number, unit=unit)
        asked: Data = {"dispatch_id": case.id_of(number), "department": unit}
        reason = {"reason": "不属于本单位职责", "proposed_department": case.department}
        case.say("return.requested", days, "14:00", asked | reason)
        case.say("return.approved", days, "16:00", asked | {"by": "M01"})
    case.dispatch(19, "09:00", number=3, unit="district-east")
    verdict: Data = {
        "department": case.department,
        "arbiter": "city-12345",
        "dispatch_id": case.id_of(3),
        "reason": "职责交叉，指定承办",
    }
    case.say("ticket.designated", 19, "15:00", verdict)
    case.dispatch(19, "15:10", number=4)
    case.accept(19, "16:00", number=4)
    case.reply(18, "10:00", number=4)
    case.say("reply.approved", 18, "11:00", {"reply_id": f"{case.ticket.id}-R4-18", "by": "Q01"})
    case.close(18, "11:30")
    case.ask(10)
    return case.told()


def _never_picks_up(teller: Teller) -> str:
    """Called twice in vain: the missed contact says why (R26)."""
    case = Case(teller, LEAK, days=21, at="09:00")
    case.dispatch(21, "09:30")
    case.accept(21, "10:30")
    case.call(21, "11:00", "no_answer")
    case.call(20, "10:00", "powered_off")
    case.call(19, "11:00")
    case.finish(18)
    case.ask(10)
    return case.told()


def _asked_to_verify(teller: Teller) -> str:
    """核实 with its own clock (R63)."""
    case = Case(teller, ROAD, days=21, at="09:40")
    case.under_way(21)
    asked: Data = {"verification_id": f"{case.ticket.id}-V1", "department": case.department}
    question = {"question": "请核实是否已上门", "by": case.ticket.agent}
    case.say("verification.requested", 20, "09:00", asked | question)
    answer = {"handler": case.ticket.handler, "answer": "已上门并拍照", "confirmed": True}
    case.say("verification.answered", 19, "10:00", asked | answer)
    case.finish(18)
    case.ask(10)
    return case.told()


def _typed_in_late(teller: Teller) -> str:
    """签收 in time, and told the next morning: the breach is withdrawn."""
    case = Case(teller, STALLS, days=21, at="15:30")
    case.dispatch(21, "16:00")
    told = case.told()
    case.ticket.said.clear()
    accepted: Data = {"dispatch_id": case.id_of(1), "department": case.department}
    case.say("dispatch.accepted", 20, "16:00", accepted | {"handler": case.ticket.handler})
    late, at = case.ticket.said.pop(), case.when(19, "08:40")
    teller.said.append((late.renamed(f"{told}-late"), at, Kind.LATE))
    return told


def _not_resolved(teller: Teller) -> str:
    """回访 a week after the close says no: reopened, handled, closed, and to be asked again."""
    case = Case(teller, ROAD, days=20, at="09:00")
    case.under_way(20)
    case.finish(19)
    case.ask(11, resolved=False)
    case.reopen(11, "14:00", "not_resolved")
    case.dispatch(11, "14:20", number=2)
    case.accept(11, "15:00", number=2)
    case.reply(10, "10:00", number=2)
    case.say("reply.approved", 10, "11:00", {"reply_id": f"{case.ticket.id}-R2-10", "by": "Q01"})
    case.close(10, "11:30")
    case.ask(2)
    return case.told()


def _comes_back_before_the_call(teller: Teller) -> str:
    """Reopened by new evidence: the task is cancelled, and armed anew by the next close (R33)."""
    case = Case(teller, PARKING, days=20, at="09:00")
    case.under_way(20)
    case.finish(19)
    picture = {"reference": f"img/{case.ticket.id}-n.jpg", "media_type": "image/jpeg"}
    case.say("evidence.added", 14, "09:30", {"text": "市民补充照片", "attachments": [picture]})
    case.reopen(14, "10:00", "new_evidence")
    case.reply(13, "10:00")
    case.approve(13, "11:00")
    case.close(13, "11:30")
    case.ask(5)
    return case.told()


def _answers_nobody(teller: Teller) -> str:
    """Three tries in three slots, then a message: never «satisfied» (R36)."""
    case = Case(teller, RUBBISH, days=21, at="09:00")
    case.under_way(21)
    case.finish(20)
    case.miss(12, "11:55", 1, "no_answer")
    case.miss(12, "17:25", 2, "powered_off")
    case.miss(11, "11:55", 3, "no_answer")
    case.miss(10, "18:00", 4, "no_answer", "sms")
    return case.told()


def _quiet_for_now(teller: Teller) -> str:
    """Night noise, «resolved» a week later: asked a second time in the hours of the noise (R35)."""
    case = Case(teller, NOISE, days=21, at="22:40")
    case.under_way(20)
    case.finish(19)
    case.ask(11)
    case.ask(6)
    return case.told()


CLOCK_STORIES: Final[tuple[ClockStory, ...]] = (
    ClockStory(
        _nobody_replies,
        ("breached resolve", "breached reply", "breached department", "breached interim"),
    ),
    ClockStory(_waits_for_the_weather, ("paused resolve", "resumed resolve", "met resolve")),
    ClockStory(
        _not_resolved,
        ("callback answered", "command reopen", "resumed resolve", "callback scheduled"),
    ),
    ClockStory(_due_on_a_make_up_day, ("breached accept", "met accept")),
    ClockStory(_closed_too_early, ("command refuse_close", "met department")),
    ClockStory(_never_picks_up, ("breached first_contact", "met first_contact")),
    ClockStory(_extended_in_time, ("recomputed resolve", "recomputed department", "met resolve")),
    ClockStory(_wanders, ("cancelled department", "arbitration_required ticket")),
    ClockStory(_comes_back_before_the_call, ("callback cancelled", "callback answered")),
    ClockStory(_answers_nobody, ("callback attempted", "callback uncontacted")),
    ClockStory(_quiet_for_now, ("callback recheck", "callback answered")),
    ClockStory(_typed_in_late, ("breached accept", "withdrawn accept", "met accept")),
    ClockStory(_asked_to_verify, ("started verification", "met verification")),
)
"""In the order of what a small sample should not lack."""
