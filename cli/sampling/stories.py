"""Citizens who come again, each for what one rule says of it (R12-R24, R61).

A story is a handful of events of one citizen: what happened weeks ago, and the call of the day.
``STORIES`` says what the rules make of the last one; a test holds them to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from cli.sampling.kinds import Kind
from cli.sampling.lives import answered_at_once
from cli.sampling.people import Citizen, Scene, citizen, scene
from cli.sampling.steps import (
    accepted,
    called_back,
    closed,
    contacted,
    dispatched,
    received,
    replied,
    reviewed,
)
from cli.sampling.texts import THEMES
from cli.sampling.ticket import (
    DAY,
    HOUR,
    MINUTE,
    PLATFORM,
    Data,
    Said,
    Ticket,
    new_ticket,
    retell,
    stamp,
)

FIRST_CITIZEN: Final = 9_000_000
"""Far from those of the day, so that no number is given twice."""
WEEKS_AGO: Final = 20 * DAY
"""Long enough to be handled, closed and called back, and well inside any window."""
_THEMES: Final = {theme.leaf: theme for theme in THEMES}

LIGHT, DUST, LEAK = (
    "city.facilities.street_light",
    "environment.air.dust",
    "housing.property.leak",
)
NOISE, LIFT, HEATING = (
    "environment.noise.night_construction",
    "housing.property.elevator",
    "utilities.heating.cold",
)
RUBBISH, STALLS, FEES = (
    "city.sanitation.rubbish_collection",
    "city.order.street_stalls",
    "housing.property.fees",
)
WATER, ROAD, PARKING = (
    "utilities.water.outage",
    "city.facilities.road_damage",
    "transport.parking.charges",
)


class Teller:
    """Makes the tickets of one story, and keeps what is said of them and when it arrives."""

    def __init__(self, rng: Random, number: int, midnight: int) -> None:
        """
        Args:
            rng: for all that the story leaves open.
            number: of the story; it stands in the ids.
            midnight: when the day begins.
        """
        self.rng = rng
        self.number = number
        self.midnight = midnight
        self.call_at = midnight + 9 * HOUR + rng.randrange(8 * HOUR)
        """When the citizen comes on the day."""
        self.said: list[tuple[Said, int, Kind]] = []
        self.citizen: Citizen = citizen(rng, FIRST_CITIZEN + number)
        self.scene: Scene = scene(rng)
        self._tickets = 0

    def ticket(self, leaf: str, at: int) -> Ticket:
        self._tickets += 1
        number = f"9{self.number:03d}{self._tickets:02d}"
        ticket = new_ticket(self.rng, number, at, self.citizen, _THEMES[leaf], self.scene)
        ticket.channel = "phone"
        return ticket

    def again(self, first: Ticket, at: int | None = None) -> Ticket:
        """The same citizen with the same matter."""
        ticket = self.ticket(first.theme.leaf, self.call_at if at is None else at)
        retell(ticket, 2)
        ticket.earlier = first.id
        return ticket

    def tell(self, ticket: Ticket) -> str:
        """Take what was said of a ticket; its id."""
        self.said += [(event, event.at, Kind.EVENT) for event in ticket.said]
        return ticket.id

    def marked(self, ticket: Ticket, after: int, mark: Data) -> None:
        """人工认定 (R15)."""
        about = {"earlier_ticket": ticket.earlier, "by": "Q03"}
        ticket.say("verdict.marked", ticket.at + after, mark | about)

    def later(self, kind: str, first: Ticket, after: int, data: Data) -> None:
        """Something of the earlier ticket, so long after the call of the day."""
        name, at = f"{first.id}-{kind}", self.call_at + after
        said = Said(f"hotline.{kind}.v1", PLATFORM, name, first.id, at, data)
        self.said.append((said, at, Kind.EVENT))

    def handled(
        self,
        leaf: str,
        *,
        call: str = "answered",
        complete: bool = True,
        claims: bool = True,
        approved: bool = True,
        confirmed: bool | None = True,
    ) -> Ticket:
        """A ticket of weeks ago, from the call to the callback.

        Args:
            call: how the first contact went.
            complete: whether the reply has all of its elements.
            claims: whether the reply says that it is resolved.
            approved: whether the reply passed inspection.
            confirmed: what the citizen said at the callback; None: nobody called back.
        """
        first = self.ticket(leaf, self.call_at - WEEKS_AGO)
        at = accepted(first, dispatched(first, received(first)))
        at = replied(first, contacted(first, at, call), complete=complete, resolved=claims)
        if approved:
            at = reviewed(first, at)
        at = closed(first, at)
        if confirmed is not None:
            called_back(first, at, resolved=confirmed)
        self.tell(first)
        return first

    def open(self, leaf: str, since: int) -> Ticket:
        """A ticket that is still being handled."""
        first = self.ticket(leaf, self.call_at - since)
        contacted(first, accepted(first, dispatched(first, received(first))))
        self.tell(first)
        return first

    def comes_again(self, first: Ticket) -> str:
        """With a ticket, and no more."""
        again = self.again(first)
        received(again)
        return self.tell(again)

    def answered(self, first: Ticket) -> str:
        """直接答复 about the earlier ticket; the id of the contact."""
        again = self.again(first)
        answered_at_once(again)
        self.tell(again)
        return again.said[0].subject


Tell = Callable[[Teller], str]
"""Tells the story; the id of the ticket or contact that it is about."""


@dataclass(frozen=True, slots=True)
class Story:
    """A story, and what the rules say in the end."""

    tell: Tell
    verdict: str
    reason: str
    cause: str | None = None
    """Root cause."""


# 不重复: the four exclusions


def _calls_while_open(teller: Teller) -> str:
    first = teller.open(LIGHT, 2 * DAY)
    return teller.comes_again(first)


def _asks_while_open(teller: Teller) -> str:
    """Told where it stands, chased, and no ticket."""
    first = teller.open(RUBBISH, 2 * DAY)
    text = "催办：问题仍然存在，请尽快给个说法。"
    teller.later("citizen.chased", first, 10 * MINUTE, {"channel": "phone", "text": text})
    return teller.answered(first)


def _asks_after_the_close(teller: Teller) -> str:
    return teller.answered(teller.handled(LIFT))


def _brings_nothing_new(teller: Teller) -> str:
    return teller.comes_again(teller.handled(PARKING))


def _breaks_again(teller: Teller) -> str:
    again = teller.again(teller.handled(HEATING))
    again.extra = {"occurred_at": stamp(again.at - HOUR)}
    received(again)
    return teller.tell(again)


def _wants_what_the_rules_forbid(teller: Teller) -> str:
    again = teller.again(teller.handled(FEES, confirmed=False))
    received(again)
    clause = "物业服务收费管理办法第十一条"
    mark = {"mark": "exclude", "reason": "policy_expectation", "clause": clause}
    teller.marked(again, HOUR, mark | {"text": "收费标准按国家规定执行, 已解释"})
    return teller.tell(again)


# 重复: confirmed, with each root cause


def _brings_new_evidence(teller: Teller) -> str:
    again = teller.again(teller.handled(DUST))
    picture = {"reference": f"img/{again.id}-new.jpg", "media_type": "image/jpeg"}
    again.extra = {"attachments": [picture]}
    received(again)
    return teller.tell(again)


def _denied_at_the_callback(teller: Teller) -> str:
    return teller.comes_again(teller.handled(STALLS, confirmed=False))


def _found_false(teller: Teller) -> str:
    """查实 after the citizen came again: the root cause becomes another (R23, R49)."""
    first = teller.handled(ROAD, confirmed=False)
    shown = teller.comes_again(first)
    finding = {"false_closure": True, "by": "Q02", "text": "现场核查, 未修复路面"}
    about = {"department": first.theme.department, "handler": first.handler}
    teller.later("finding.recorded", first, 3 * HOUR, finding | about)
    return shown


def _never_reached(teller: Teller) -> str:
    first = teller.handled(LEAK, call="unknown_caller", confirmed=None)
    return teller.comes_again(first)


def _record_says_too_little(teller: Teller) -> str:
    return teller.comes_again(teller.handled(WATER, complete=False, confirmed=None))


def _never_called_back(teller: Teller) -> str:
    return teller.comes_again(teller.handled(NOISE, confirmed=None))


def _not_mended(teller: Teller) -> str:
    return teller.comes_again(teller.handled(LEAK, claims=False, confirmed=False))


def _overdue(teller: Teller) -> str:
    return teller.comes_again(teller.open(LIFT, 12 * DAY))


# 待认定: candidates


def _speaks_of_something_else(teller: Teller) -> str:
    again = teller.again(teller.handled(NOISE, confirmed=False))
    again.title, again.text = "投诉夜间噪声", "市民来电说晚上睡不好, 请有关部门回电。"
    again.extra = {"matter": None, "place": None, "department": None}
    received(again)
    return teller.tell(again)


def _nobody_inspected(teller: Teller) -> str:
    return teller.comes_again(teller.handled(WATER, approved=False))


# 人工推翻


def _repeat_overturned(teller: Teller) -> str:
    again = teller.again(teller.handled(DUST, confirmed=False))
    received(again)
    teller.marked(again, 2 * HOUR, {"mark": "overturn", "text": "经核实为相邻另一工地"})
    return teller.tell(again)


def _exclusion_overturned(teller: Teller) -> str:
    again = teller.again(teller.handled(STALLS))
    received(again)
    teller.marked(again, 2 * HOUR, {"mark": "overturn", "text": "前次回复未说明处理措施"})
    return teller.tell(again)


# 一码归一码, and who it is


def _elsewhere(teller: Teller) -> str:
    teller.handled(LIGHT, confirmed=False)
    here = teller.scene.division
    while teller.scene.division == here:
        teller.scene = scene(teller.rng)
    other = teller.ticket(LIGHT, teller.call_at)
    received(other)
    return teller.tell(other)


def _turns_out_to_be_one(teller: Teller) -> str:
    """By phone weeks ago, by the app today: one citizen, as the agent learns (R12, 身份归并)."""
    who = teller.citizen
    phone = {"scheme": "phone", "value": who.phone}
    app = {"scheme": "app", "value": f"u7{who.phone[3:]}"}
    teller.citizen = Citizen(who.phone, who.name, who.id_card, None, None)
    again = teller.again(teller.handled(ROAD, confirmed=False))
    again.channel = "app"
    again.extra = {"complainant": {"kind": "person", "name": who.name, "identities": [app]}}
    received(again)
    again.say(
        "identity.linked",
        again.at + HOUR,
        {
            "first": {"identity": phone},
            "second": {"identity": app},
            "by": again.agent,
            "reason": "市民来电确认",
        },
    )
    return teller.tell(again)


def _village_shop(teller: Teller) -> str:
    """Many people by one telephone: soon it tells nobody apart, and joins nobody (R12)."""
    who = teller.citizen
    shown = ""
    for number in range(7):
        at = teller.call_at - WEEKS_AGO + number * DAY if number < 6 else teller.call_at
        teller.scene = scene(teller.rng)
        ticket = teller.ticket(RUBBISH, at)
        identities = [{"scheme": "phone", "value": who.phone}]
        if number < 6:
            account = {"scheme": "account", "value": f"{teller.number:03d}{number:05d}"}
            identities.insert(0, account)
        person = citizen(teller.rng, FIRST_CITIZEN + 1_000 + number)
        ticket.extra = {
            "complainant": {"kind": "person", "name": person.name, "identities": identities},
            "matter": {"object": f"{ticket.slots['road']}垃圾桶"},
        }
        dispatched(ticket, received(ticket))
        shown = teller.tell(ticket)
    return shown


# 次序, 编号, 脱敏: what intake must cope with


def _reply_overtakes_the_receipt(teller: Teller) -> str:
    """A slow queue at the platform: what was done is told before the ticket is (parked)."""
    ticket = teller.ticket(WATER, teller.call_at)
    ticket.channel = "web"
    dispatched(ticket, received(ticket))
    receipt, sent = ticket.said
    ticket.said.remove(receipt)
    teller.tell(ticket)
    teller.said.append((receipt, sent.at + MINUTE, Kind.OUT_OF_ORDER))
    return ticket.id


def _an_id_is_used_twice(teller: Teller) -> str:
    """A platform that counts anew after a restart: the second is refused (R1)."""
    ticket = teller.ticket(PARKING, teller.call_at)
    received(ticket)
    teller.tell(ticket)
    other = teller.ticket(PARKING, teller.call_at + HOUR)
    received(other)
    stolen, first = other.said[-1], ticket.said[-1]
    again = Said(stolen.type, first.source, first.id, other.id, stolen.at, stolen.data)
    teller.said.append((again, again.at, Kind.ELSEWHERE))
    return ticket.id


def _spells_it_out(teller: Teller) -> str:
    """Who and where in the citizen's own words, as no pattern of digits finds it (R61)."""
    ticket = teller.ticket(NOISE, teller.call_at)
    who, slots = teller.citizen, ticket.slots
    spelt = "".join("零幺二三四五六七八九"[int(digit)] for digit in who.phone)
    ticket.text = (
        f"我叫{who.name}，住{slots['compound']}{slots['building']}栋{slots['unit']}单元"
        f"{slots['room']}室，楼下工地凌晨还在施工，渣土车皖A12345堵在门口。电话是{spelt}，"
        f"身份证{who.id_card}，也可以发邮件到wang.{who.phone[-4:]}@mail.example。"
    )
    received(ticket)
    return teller.tell(ticket)


STORIES: Final[tuple[Story, ...]] = (
    Story(_spells_it_out, "new", "first_contact"),
    Story(_calls_while_open, "excluded", "in_progress"),
    Story(_brings_nothing_new, "excluded", "closed_no_new_evidence"),
    Story(_denied_at_the_callback, "confirmed", "unresolved_before", "unresolved_perfunctory"),
    Story(_repeat_overturned, "overturned", "marked_overturned"),
    Story(_speaks_of_something_else, "candidate", "same_citizen_and_leaf"),
    Story(_asks_after_the_close, "excluded", "closed_no_new_evidence"),
    Story(_breaks_again, "excluded", "new_fault_same_kind"),
    Story(_wants_what_the_rules_forbid, "excluded", "policy_expectation"),
    Story(_turns_out_to_be_one, "confirmed", "unresolved_before", "unresolved_perfunctory"),
    Story(_asks_while_open, "excluded", "in_progress"),
    Story(_brings_new_evidence, "confirmed", "closed_new_evidence", "unresolved_process"),
    Story(_found_false, "confirmed", "unresolved_before", "false_reply"),
    Story(_never_reached, "confirmed", "unresolved_before", "not_contacted"),
    Story(_record_says_too_little, "confirmed", "unresolved_before", "record_untraceable"),
    Story(_never_called_back, "confirmed", "unresolved_before", "step_missed"),
    Story(_not_mended, "confirmed", "unresolved_before", "unresolved_process"),
    Story(_overdue, "confirmed", "overdue_before", "unresolved_process"),
    Story(_nobody_inspected, "candidate", "result_not_inspected"),
    Story(_exclusion_overturned, "candidate", "exclusion_overturned"),
    Story(_elsewhere, "new", "another_matter"),
    Story(_village_shop, "new", "first_contact"),
    Story(_reply_overtakes_the_receipt, "new", "first_contact"),
    Story(_an_id_is_used_twice, "new", "first_contact"),
)
"""In the order of what a small sample should not lack."""
