"""The sample day: who calls when and about what, and in which order it arrives."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from random import Random
from typing import Final

import orjson

from cli.sampling import broken
from cli.sampling.clock_stories import CLOCK_STORIES, ClockStory
from cli.sampling.kinds import Kind
from cli.sampling.lives import (
    LIVES,
    REGISTERED_AFTER,
    Life,
    answered_at_once,
    escalated,
    not_accepted,
    plain,
    registered_late,
    withdrawn,
)
from cli.sampling.people import Citizen, Scene, citizen, scene
from cli.sampling.stories import STORIES, Tell, Teller
from cli.sampling.texts import ANGRY, CHASES, THEMES, Theme
from cli.sampling.ticket import (
    AGENTS,
    DAY,
    HOUR,
    MINUTE,
    PLATFORM,
    Data,
    Said,
    Ticket,
    begin_of,
    new_ticket,
    retell,
    stamp,
)

BREAKERS = (
    (Kind.NOT_JSON, broken.not_json),
    (Kind.UNKNOWN_TYPE, broken.unknown_type),
    (Kind.MISSING_FIELD, broken.missing_field),
    (Kind.FUTURE, broken.future),
    (Kind.UNKNOWN_VERSION, broken.unknown_version),
    (Kind.NULL, broken.null),
    (Kind.WRONG_VALUE, broken.wrong_value),
    (Kind.NOT_UTF8, broken.not_utf8),
    (Kind.EMPTY, broken.empty),
)


TOLD: Final[tuple[Tell, ...]] = (
    *(story.tell for story in STORIES),
    *(story.tell for story in CLOCK_STORIES),
)
"""A small sample has the first of them."""


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A record as it would reach the inbox."""

    key: bytes | None
    value: bytes
    kind: Kind
    at: int
    """When it arrives, seconds since 1970; never falls from one record to the next."""


class Role(StrEnum):
    """How a ticket relates to what its citizen told before."""

    NEW = "new"
    REPEAT = "repeat"
    SAME_DAY = "same_day"
    """A repeat within hours."""
    OTHER_LEAF = "other_leaf"
    """The same citizen, something else: never a repeat (R13)."""
    OTHER_PLACE = "other_place"
    """The same citizen and leaf, another thing: never a repeat (R13)."""
    ANONYMOUS = "anonymous"
    CHASE = "chase"
    """No ticket; a chase of an earlier one (R18)."""
    AMENDED = "amended"
    """A repeat that shows only once the leaf is corrected."""
    MARKED = "marked"
    """A repeat on which a human decides (R15)."""
    LATE_FIRST = "late_first"
    """Two tickets; the earlier one is recorded after the later one (R12)."""


ROLES = {
    Role.NEW: 66,
    Role.REPEAT: 12,
    Role.SAME_DAY: 2,
    Role.OTHER_LEAF: 5,
    Role.OTHER_PLACE: 2,
    Role.ANONYMOUS: 6,
    Role.CHASE: 4,
    Role.AMENDED: 1,
    Role.MARKED: 1,
    Role.LATE_FIRST: 1,
}
"""Of a hundred calls."""

FIRST_ROLES = (
    Role.REPEAT,
    Role.MARKED,
    Role.LATE_FIRST,
    Role.AMENDED,
    Role.CHASE,
    Role.SAME_DAY,
    Role.ANONYMOUS,
    Role.OTHER_LEAF,
    Role.OTHER_PLACE,
    Role.MARKED,
    Role.MARKED,
    Role.MARKED,
)
"""Every fifth call of the day's beginning, so that a small sample shows them all."""

MARKS: tuple[Data, ...] = (
    {"mark": "confirm", "root_cause": "unresolved_perfunctory", "text": "上次未真正解决"},
    {
        "mark": "exclude",
        "reason": "closed_no_new_evidence",
        "earlier_result_reasonable": True,
        "text": "前次处理合理，无新证据",
    },
    {"mark": "overturn", "text": "不是同一问题"},
    {
        "mark": "exclude",
        "reason": "policy_expectation",
        "clause": "住宅专项维修资金管理办法第二十二条",
        "text": "已按规定答复",
    },
)

HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 4, 6, 10, 12, 12, 10, 7, 7, 9, 10, 10, 9, 7, 7, 8, 8, 6, 4)
"""Calls by hour of the day: office hours, and noise at night."""

HISTORY_DAYS = 45
OLD_HISTORY_DAYS = 150
"""One in five earlier tickets may be that old: outside any window of three months."""
REMEMBERED = 5_000
"""Earlier tickets that a new call may come back to; bounded so that a large sample stays small."""
CONTACT_LEAD = 10 * MINUTE
"""A contact starts before its ticket; nothing of a ticket is older than this."""

PICKS = 50
"""Tries to find an earlier ticket of a certain sort; few are needed, a bound there must be."""

LATE_SHARE = 0.008
OUT_OF_ORDER_SHARE = 0.008
DUPLICATE_SHARE = 0.005
ALTERED_SHARE = 0.0005
FORCED = {3: Kind.LATE, 8: Kind.OUT_OF_ORDER, 13: Kind.DUPLICATE, 18: Kind.ALTERED}
"""Calls of the day that are sure to have such a record, so that a small sample has each."""


@dataclass(slots=True)
class Past:
    """An earlier ticket, as far as a later call needs it."""

    id: str
    at: int
    theme: Theme
    scene: Scene
    citizen: Citizen
    count: int
    stands: bool = True
    """Neither withdrawn nor turned down: what comes after it can be a repeat of it."""


def generate(seed: int, tickets: int, day: date, *, days: int = 1) -> Iterator[SampleRecord]:
    """The records of ``days`` days with ``tickets`` calls, after weeks of history half as large.

    Besides, one citizen for each of ``TOLD``, whose case shows what a rule, a clock or a callback
    says; a sample of few tickets has the first of them.

    The same arguments give the same bytes. Memory grows with what is open on a day, not with the
    number of records.

    Args:
        seed: any whole number.
        tickets: calls within the days, at least 1.
        day: the first day, local time of the city (UTC+8).
        days: how many.

    Yields:
        Records in the order of arrival. An event whose arrival is not its ``time`` says so in
        ``recordedtime``.
    """
    return _City(seed, tickets, day, days).records()


def clock_weeks(seed: int, day: date) -> tuple[list[SampleRecord], dict[ClockStory, str]]:
    """The three weeks up to ``day`` of ``CLOCK_STORIES`` alone, in the order of arrival.

    Returns the records, and the ticket of each story.
    """
    city = _City(seed, 1, day, 1)
    tickets = city.tell_all([story.tell for story in CLOCK_STORIES])
    return list(city.arrived(city.end)), dict(zip(CLOCK_STORIES, tickets, strict=True))


class _City:
    def __init__(self, seed: int, tickets: int, day: date, days: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.tickets = tickets
        self.start = begin_of(day)
        self.end = self.start + days * DAY
        self.days = days
        self.heap: list[tuple[int, int, bytes | None, bytes, Kind]] = []
        self.pushed = 0
        self.named = 0
        self.citizens = 0
        self.marked = 0
        self.broken = 0
        self.past: list[Past] = []
        self.lives = [life for life, _ in LIVES]
        self.life_weights = [weight for _, weight in LIVES]
        self.roles = list(ROLES)
        self.role_weights = list(ROLES.values())

    def records(self) -> Iterator[SampleRecord]:
        self.tell_stories()
        for number, at in enumerate(self.history_times()):
            yield from self.arrived(at - CONTACT_LEAD)
            self.old_call(number, at)
        bad_every = max(10, self.tickets // 60)
        for number, at in enumerate(self.day_times()):
            yield from self.arrived(at - CONTACT_LEAD)
            self.call(number, at)
            if number % bad_every == bad_every // 2:
                self.break_one(at)
        yield from self.arrived(self.end)

    def tell_stories(self) -> None:
        """Before all else: they begin weeks before the day."""
        self.tell_all(TOLD[: self.tickets // 2])

    def tell_all(self, stories: Sequence[Tell]) -> list[str]:
        """What each is about."""
        about = []
        for number, tell in enumerate(stories, start=1):
            teller = Teller(Random(f"story {self.seed} {number}"), number, self.start)
            about.append(tell(teller))
            for event, arrival, kind in teller.said:
                if event.at <= self.end:
                    self.push(event, kind, arrival)
        return about

    # --- when -----------------------------------------------------------------------------------

    def history_times(self) -> list[int]:
        rng, times = self.rng, []
        for number in range(self.tickets // 2):
            back = rng.randrange(1, OLD_HISTORY_DAYS if number % 5 == 0 else HISTORY_DAYS)
            times.append(self.start - back * DAY + self.time_of_day())
        return sorted(times)

    def day_times(self) -> list[int]:
        rng = self.rng
        times = [
            self.start + rng.randrange(self.days) * DAY + self.time_of_day()
            for _ in range(self.tickets)
        ]
        return sorted(times)

    def time_of_day(self) -> int:
        hour = self.rng.choices(range(24), HOUR_WEIGHTS)[0]
        return hour * HOUR + self.rng.randrange(HOUR)

    # --- what -----------------------------------------------------------------------------------

    def old_call(self, number: int, at: int) -> None:
        """History begins with one ticket of each life, so that every event occurs."""
        if number < len(self.lives):
            ticket = self.ticket(at, self.new_citizen())
            self.live(ticket, self.lives[number])
        elif self.rng.random() < 0.08:
            self.live(self.again(at, self.pick()), self.life())
        else:
            self.live(self.ticket(at, self.new_citizen()), self.life())

    def call(self, number: int, at: int) -> None:
        rng = self.rng
        turn, rest = divmod(number, 5)
        if rest == 0 and turn < len(FIRST_ROLES):
            role = FIRST_ROLES[turn]
        else:
            role = rng.choices(self.roles, self.role_weights)[0]
        forced = FORCED.get(number)
        if not self.past or forced is not None:
            role = Role.NEW
        if role is Role.NEW:
            life = plain if forced is not None else self.life()
            self.live(self.ticket(at, self.new_citizen()), life, forced=forced)
        elif role is Role.ANONYMOUS:
            self.live(self.ticket(at, None), self.life())
        elif role is Role.CHASE:
            self.chase(at, self.pick())
        elif role is Role.OTHER_LEAF:
            self.live(self.ticket(at, self.pick().citizen), self.life())
        elif role is Role.OTHER_PLACE:
            before = self.pick()
            self.live(self.ticket(at, before.citizen, theme=before.theme), self.life())
        elif role is Role.LATE_FIRST:
            self.late_first(at)
        elif role is Role.AMENDED:
            ticket = self.again(at, self.pick_recent(at))
            ticket.first_leaf = rng.choice([x for x in THEMES if x is not ticket.theme])
            self.live(ticket, plain)
        elif role is Role.MARKED:
            ticket = self.again(at, self.pick_recent(at))
            self.live(ticket, plain, mark=True)
        else:
            before = self.past[-1] if role is Role.SAME_DAY else self.pick()
            self.live(self.again(at, before), self.life())

    def life(self) -> Life:
        return self.rng.choices(self.lives, self.life_weights)[0]

    def pick(self) -> Past:
        return self.rng.choice(self.past)

    def pick_recent(self, at: int) -> Past:
        """An earlier ticket that a repeat verdict can rest on, if some tries find one."""
        for _ in range(PICKS):
            past = self.pick()
            if past.stands and at - past.at < HISTORY_DAYS * DAY:
                break
        return past

    def new_citizen(self) -> Citizen:
        self.citizens += 1
        return citizen(self.rng, self.citizens)

    def ticket(
        self,
        at: int,
        who: Citizen | None,
        *,
        theme: Theme | None = None,
        where: Scene | None = None,
    ) -> Ticket:
        rng = self.rng
        theme = theme or rng.choice(THEMES)
        where = where or scene(rng)
        self.named += 1
        return new_ticket(rng, f"{self.named:06d}", at, who, theme, where)

    def again(self, at: int, before: Past) -> Ticket:
        """The same citizen with the same matter."""
        ticket = self.ticket(at, before.citizen, theme=before.theme, where=before.scene)
        retell(ticket, before.count + 1)
        ticket.earlier = before.id
        before.count += 1
        return ticket

    def live(
        self, ticket: Ticket, life: Life, *, forced: Kind | None = None, mark: bool = False
    ) -> None:
        if life is escalated:
            ticket.text = ANGRY.format(text=ticket.text)
        ticket.neighbours = tuple(past.id for past in self.past[-2:])
        life(ticket)
        if mark:
            decision = MARKS[self.marked % len(MARKS)]
            self.marked += 1
            about = {"earlier_ticket": ticket.earlier, "by": "Q03"}
            ticket.say("verdict.marked", ticket.at + 30 * MINUTE, decision | about)
        self.publish(ticket.said, forced)
        if ticket.citizen is not None and life is not answered_at_once:
            stands = life not in (withdrawn, not_accepted)
            self.remember(
                Past(ticket.id, ticket.at, ticket.theme, ticket.scene, ticket.citizen, 1, stands)
            )

    def remember(self, past: Past) -> None:
        if len(self.past) >= REMEMBERED:
            # Swap one out but keep the latest last: a same-day repeat looks there.
            self.past[self.rng.randrange(REMEMBERED - 1)] = self.past.pop()
        self.past.append(past)

    def chase(self, at: int, before: Past) -> None:
        rng = self.rng
        slots = {"phone": before.citizen.phone, "name": before.citizen.name, "days": "5"}
        self.named += 1
        text = rng.choice(CHASES).format_map(slots)
        data: Data = {"channel": "phone", "text": text, "agent": rng.choice(AGENTS)}
        said = Said(
            "hotline.citizen.chased.v1",
            PLATFORM,
            f"{before.id}-chase-{self.named}",
            before.id,
            at,
            data,
        )
        self.publish([said])

    def late_first(self, at: int) -> None:
        """A letter of the morning, registered in the afternoon; the citizen called meanwhile."""
        letter = self.ticket(at, self.new_citizen())
        letter.channel = "letter"
        registered_late(letter)
        first, *rest = letter.said
        self.push(first, Kind.LATE, at + REGISTERED_AFTER)
        self.publish(rest)
        assert letter.citizen is not None
        before = Past(letter.id, at, letter.theme, letter.scene, letter.citizen, 1)
        self.remember(before)
        self.live(self.again(at + 2 * HOUR, before), plain)

    # --- in which order -------------------------------------------------------------------------

    def publish(self, said: list[Said], forced: Kind | None = None) -> None:
        """Say events at their time, some of them late, out of order, twice, or altered."""
        rng = self.rng
        for number, event in enumerate(said):
            if event.at > self.end:
                continue
            roll = rng.random()
            arrival, kind = event.at, Kind.EVENT
            following = said[number + 1].at if number + 1 < len(said) else -1
            force = forced if number == 0 else None
            soon = event.at <= following < event.at + DAY
            if force is Kind.LATE or (force is None and roll < LATE_SHARE):
                arrival = event.at + rng.randrange(HOUR, 2 * HOUR if force else 2 * DAY)
                kind = Kind.LATE
            elif soon and (force is Kind.OUT_OF_ORDER or roll < LATE_SHARE + OUT_OF_ORDER_SHARE):
                arrival = following + rng.randrange(1, 2 * MINUTE)
                kind = Kind.OUT_OF_ORDER
            value = self.push(event, kind, arrival)
            if force is Kind.DUPLICATE or roll > 1 - DUPLICATE_SHARE:
                self.put(arrival + rng.randrange(1, HOUR), event.subject, value, Kind.DUPLICATE)
            if force is Kind.ALTERED or 0.5 < roll < 0.5 + ALTERED_SHARE:
                other = Said(
                    event.type,
                    event.source,
                    event.id,
                    event.subject,
                    event.at,
                    event.data | {"agent": "A999"},
                )
                self.push(other, Kind.ALTERED, arrival + rng.randrange(MINUTE, HOUR))

    def break_one(self, at: int) -> None:
        kind, make = BREAKERS[self.broken % len(BREAKERS)]
        self.broken += 1
        key = None if kind is Kind.NULL else f"T-X{self.broken:06d}"
        self.put(at, key, make(self.broken, at), kind)

    def push(self, event: Said, kind: Kind, arrival: int) -> bytes:
        document = {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "time": stamp(event.at),
            "subject": event.subject,
            "datacontenttype": "application/json",
        }
        if arrival != event.at:
            document["recordedtime"] = stamp(arrival)
        value = orjson.dumps(document | {"data": event.data})
        self.put(arrival, event.subject, value, kind)
        return value

    def put(self, arrival: int, key: str | None, value: bytes, kind: Kind) -> None:
        if arrival > self.end:
            return
        self.pushed += 1
        record = (arrival, self.pushed, None if key is None else key.encode(), value, kind)
        heapq.heappush(self.heap, record)

    def arrived(self, until: int) -> Iterator[SampleRecord]:
        heap = self.heap
        while heap and heap[0][0] <= until:
            at, _, key, value, kind = heapq.heappop(heap)
            yield SampleRecord(key, value, kind, at)
