"""When a clock is due, how much is used, when it warns (R25, ruling 12; requirements.md §4)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from policy.calendars import CalendarUnknown, Day, DayKind, Span, WorkingCalendar
from rules.clocks import words
from rules.clocks.reckoning import Hold, Reckoning, Setting, reckon
from rules.clocks.terms import Terms

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE_SPANS = (Span.of("08:30-12:00"), Span.of("14:00-17:30"))
MAKE_UP = Day(date(2026, 3, 14), True, DayKind.MAKE_UP, OFFICE_SPANS)
HOLIDAY = Day(date(2026, 3, 11), False, DayKind.HOLIDAY)
OFFICE = WorkingCalendar.weekly(
    "office", "Asia/Shanghai", "08:30-12:00", "14:00-17:30", days=(MAKE_UP, HOLIDAY)
)
PLAIN = WorkingCalendar.weekly("plain", "Asia/Shanghai", "08:30-12:00", "14:00-17:30")
ALWAYS = WorkingCalendar.always("always", "Asia/Shanghai")
NEW_YORK = WorkingCalendar.weekly("new-york", "America/New_York", "09:00-17:00")
"""Clocks go forward on Sunday 2026-03-08."""
CALENDARS = (OFFICE, PLAIN, ALWAYS, NEW_YORK)

BEGIN = datetime(2026, 3, 2, tzinfo=SHANGHAI)
"""A Monday."""
LONG_AFTER = datetime(2026, 12, 1, tzinfo=UTC)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """``03-02 17:30``, local."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)


def minute(number: int) -> datetime:
    return BEGIN + timedelta(minutes=number)


def terms(amount: int, unit: str = "minutes", *, roll: bool = False) -> Terms:
    return Terms("resolve", "resolve.test", amount, unit, "office", roll, (75, 90), "test")


def due(
    start: str,
    of: Terms,
    *holds: tuple[str, str],
    calendar: WorkingCalendar = PLAIN,
    settings: Sequence[Setting] = (),
) -> datetime | None:
    return reckon(
        at(start),
        of,
        calendar,
        settings=settings,
        holds=[Hold(at(since), at(until)) for since, until in holds],
        until=LONG_AFTER,
    ).deadline


# --- Worked out by hand -----------------------------------------------------------------------

HOURS = 60
BY_HAND = [
    # why, start, terms, holds, deadline
    ("over lunch", "03-02 11:00", terms(2 * HOURS), (), "03-02 15:00"),
    (
        "to the end of a span, not to the start of the next",
        "03-02 11:00",
        terms(60),
        (),
        "03-02 12:00",
    ),
    ("received at night", "03-02 22:00", terms(60), (), "03-03 09:30"),
    ("over the weekend", "03-06 17:00", terms(60), (), "03-09 09:00"),
    ("from the day after receipt", "03-02 08:30", terms(1, "working_days"), (), "03-03 17:30"),
    ("natural days to 24:00", "03-02 08:30", terms(7, "calendar_days"), (), "03-10 00:00"),
    (
        "natural days that end on a Sunday roll to Monday's close",
        "03-01 09:00",
        terms(7, "calendar_days", roll=True),
        (),
        "03-09 17:30",
    ),
    (
        "a pause of an hour",
        "03-02 09:00",
        terms(60),
        (("03-02 09:30", "03-02 10:30"),),
        "03-02 11:00",
    ),
    (
        "a pause over lunch takes out no lunch",
        "03-02 09:00",
        terms(4 * HOURS),
        (("03-02 11:30", "03-02 14:30"),),
        "03-02 16:00",
    ),
    (
        "a pause on the day of receipt comes before days are counted",
        "03-02 09:00",
        terms(1, "working_days"),
        (("03-02 10:00", "03-02 16:00"),),
        "03-03 17:30",
    ),
    (
        "a pause that reaches into the first counted day takes out what is of that day",
        "03-02 09:00",
        terms(1, "working_days"),
        (("03-02 10:00", "03-03 09:30"),),
        "03-04 09:30",
    ),
    (
        "a pause of a whole working day moves days by one",
        "03-02 09:00",
        terms(2, "working_days"),
        (("03-03 00:00", "03-04 00:00"),),
        "03-05 17:30",
    ),
    (
        "two pauses",
        "03-02 09:00",
        terms(2 * HOURS),
        (("03-02 09:30", "03-02 10:00"), ("03-02 10:30", "03-02 11:00")),
        "03-02 12:00",
    ),
    (
        "the second pause lies before the deadline only because of the first",
        "03-02 09:00",
        terms(60),
        (("03-02 09:30", "03-02 10:30"), ("03-02 10:45", "03-02 11:00")),
        "03-02 11:15",
    ),
    (
        "a pause from the deadline on",
        "03-02 09:00",
        terms(60),
        (("03-02 10:00", "03-02 11:00"),),
        "03-02 10:00",
    ),
    (
        "natural days end in the night, in a pause: due when it goes on",
        "03-02 09:00",
        terms(1, "calendar_days"),
        (("03-03 20:00", "03-04 06:00"),),
        "03-04 06:00",
    ),
]


@pytest.mark.parametrize(
    ("start", "of", "holds", "deadline"),
    [row[1:] for row in BY_HAND],
    ids=[row[0] for row in BY_HAND],
)
def test_R25_deadlines_worked_out_by_hand(
    start: str, of: Terms, holds: tuple[tuple[str, str], ...], deadline: str
) -> None:
    assert due(start, of, *holds) == at(deadline)


@pytest.mark.parametrize(
    ("before", "after", "deadline"),
    [
        (terms(4 * HOURS), terms(6 * HOURS), "03-03 09:30"),
        (terms(4 * HOURS), terms(2 * HOURS), "03-02 14:30"),
        (terms(90), terms(1, "working_days"), "03-03 17:30"),
    ],
    ids=["longer", "shorter", "other unit: the pause was on the day of receipt, not counted"],
)
def test_complaint_1_a_pause_survives_a_change_of_terms(
    before: Terms, after: Terms, deadline: str
) -> None:
    """glpi#6902, #15605; zammad#5624: the pause went when priority, SLA or owner changed."""
    pause = ("03-02 10:00", "03-02 11:30")
    assert due("03-02 09:00", before, pause) != due("03-02 09:00", before)
    assert due("03-02 09:00", after, pause) == at(deadline)


@pytest.mark.parametrize(
    ("why", "since", "until", "deadline"),
    [
        (
            "over a weekend: half an hour of Friday, half of Monday",
            "03-06 17:00",
            "03-09 09:00",
            "03-09 11:30",
        ),
        ("over a weekend outside hours: nothing", "03-06 17:30", "03-09 08:30", "03-09 10:30"),
        ("a weekend alone: nothing", "03-07 00:00", "03-09 00:00", "03-09 10:30"),
    ],
)
def test_complaint_2_a_weekend_pause_is_not_over_credited(
    why: str, since: str, until: str, deadline: str
) -> None:
    """glpi#10594, frappe PR#2449, erpnext PR#47884: pause and deadline in different calendars."""
    assert due("03-06 15:30", terms(4 * HOURS)) == at("03-09 10:30")
    assert due("03-06 15:30", terms(4 * HOURS), (since, until)) == at(deadline), why


def test_complaint_2_a_hold_until_the_close_is_reported_as_what_it_was() -> None:
    """frappe PR#3776: paused and resolved in one step, February to August reported as 42 days."""
    start, paused, closed = at("02-02 08:30"), at("02-02 09:30"), at("08-03 08:30")
    clock = reckon(start, terms(120), PLAIN, holds=[Hold(paused, closed)], until=closed)
    assert clock.held == PLAIN.working_time_between(paused, closed)
    assert clock.elapsed == timedelta(hours=1)
    assert clock.deadline == closed + timedelta(hours=1)


@pytest.mark.parametrize(
    "start", ["08:30", "11:59", "12:00", "13:00", "14:00", "17:29", "17:30", "23:00"]
)
def test_complaint_6_with_lunch_no_deadline_falls_at_midnight_or_at_lunch(start: str) -> None:
    """GLPI PR#22678 fired at 00:00 with segments; frappe#2212, chatwoot#14009."""
    for minutes in range(1, 1000, 7):
        deadline = due(f"03-02 {start}", terms(minutes))
        assert deadline is not None
        assert PLAIN.is_working(deadline - timedelta(minutes=1))


def test_complaint_7_a_fresh_ticket_has_all_its_time_left_in_every_zone() -> None:
    """frappe PR#3776 showed a fresh ticket as failed; glpi#15429, oncall#5512."""
    local = at("03-02 09:00")
    clocks = [
        reckon(start, terms(60), PLAIN, until=start)
        for start in (local, local.astimezone(UTC), local.astimezone(ZoneInfo("America/New_York")))
    ]
    assert len(set(clocks)) == 1
    assert (clocks[0].elapsed, clocks[0].remaining) == (timedelta(0), timedelta(hours=1))
    assert clocks[0].deadline == at("03-02 10:00")


@pytest.mark.parametrize(
    ("start", "of", "deadline"),
    [
        ("03-06 16:00", terms(120), "03-09 10:00"),
        ("03-06 16:00", terms(2, "calendar_days"), "03-09 00:00"),
        ("03-07 16:00", terms(1, "calendar_days", roll=True), "03-09 17:00"),
        ("03-06 16:00", terms(1, "working_days"), "03-09 17:00"),
    ],
)
def test_complaint_7_deadlines_stand_on_the_local_clock_after_the_clocks_change(
    start: str, of: Terms, deadline: str
) -> None:
    zone = NEW_YORK.zone
    clock = reckon(at(start, zone), of, NEW_YORK, until=LONG_AFTER)
    assert clock.deadline == at(deadline, zone)


# --- Settings ----------------------------------------------------------------------------------


def setting(when: str, to: str, basis: str = "extended") -> Setting:
    return Setting(at(when), at(to), basis)


SETTINGS = [
    # why, settings, holds, deadline, basis
    (
        "promised wins",
        [setting("03-02 09:00", "03-05 20:00", "promised")],
        (),
        "03-05 20:00",
        "promised",
    ),
    ("extended", [setting("03-02 15:00", "03-06 17:30")], (), "03-06 17:30", "extended"),
    (
        "the last in time wins, in whichever order they come",
        [setting("03-02 16:00", "03-04 12:00"), setting("03-02 15:00", "03-06 17:30")],
        (),
        "03-04 12:00",
        "extended",
    ),
    (
        "of two at one instant the later in the sequence",
        [
            setting("03-02 16:00", "03-04 12:00"),
            setting("03-02 16:00", "03-06 17:30", "designated"),
        ],
        (),
        "03-06 17:30",
        "designated",
    ),
    (
        "who extends knows of the pauses before",
        [setting("03-02 15:00", "03-06 17:30")],
        (("03-02 10:00", "03-02 11:00"),),
        "03-06 17:30",
        "extended",
    ),
    (
        "a pause after it moves it",
        [setting("03-02 15:00", "03-06 17:30")],
        (("03-03 10:00", "03-03 11:00"),),
        "03-09 09:30",
        "extended",
    ),
    (
        "a pause around it moves it by what comes after",
        [setting("03-02 15:00", "03-06 17:30")],
        (("03-02 10:00", "03-02 15:30"),),
        "03-09 09:00",
        "extended",
    ),
    (
        "a promise that was past when it was made",
        [setting("03-04 15:00", "03-03 12:00")],
        (("03-02 10:00", "03-05 11:00"),),
        "03-03 12:00",
        "extended",
    ),
]


@pytest.mark.parametrize(
    ("settings", "holds", "deadline", "basis"),
    [row[1:] for row in SETTINGS],
    ids=[row[0] for row in SETTINGS],
)
def test_ruling_12_an_extension_moves_a_deadline(
    settings: list[Setting], holds: tuple[tuple[str, str], ...], deadline: str, basis: str
) -> None:
    clock = reckon(
        at("03-02 09:00"),
        terms(1, "working_days"),
        PLAIN,
        settings=settings,
        holds=[Hold(at(since), at(until)) for since, until in holds],
        until=LONG_AFTER,
    )
    assert (clock.deadline, clock.basis) == (at(deadline), basis)


def test_terms_without_an_amount_need_a_promised_instant() -> None:
    only_promised = Terms("supervision", "promised", None, None, "office", False, (75,), "test")
    start = at("03-02 09:00")
    clock = reckon(
        start,
        only_promised,
        PLAIN,
        settings=[Setting(start, at("03-02 11:00"), "promised")],
        until=start,
    )
    assert clock.deadline == at("03-02 11:00")
    assert clock.warn_at == ((75, at("03-02 10:30")),)
    with pytest.raises(ValueError, match=r"supervision \(promised\) have no amount"):
        reckon(start, only_promised, PLAIN, until=start)


# --- As it stands --------------------------------------------------------------------------------


def test_ruling_12_while_paused_there_is_no_deadline_but_what_remains_is_known() -> None:
    start = at("03-02 09:00")
    clock = reckon(
        start, terms(120), PLAIN, holds=[Hold(at("03-02 10:00"))], until=at("03-04 16:00")
    )
    assert clock.deadline is None
    assert clock.paused_since == at("03-02 10:00")
    assert (clock.elapsed, clock.remaining, clock.total) == tuple(
        timedelta(hours=hours) for hours in (1, 1, 2)
    )
    assert clock.warn_at == ()


def test_a_hold_is_on_from_its_first_instant_and_off_from_its_last() -> None:
    hold = Hold(at("03-02 09:30"), at("03-02 10:30"))
    stood = [
        reckon(at("03-02 09:00"), terms(60), PLAIN, holds=[hold], until=at(until)).deadline
        for until in ("03-02 09:29", "03-02 09:30", "03-02 10:29", "03-02 10:30")
    ]
    assert stood == [at("03-02 10:00"), None, None, at("03-02 11:00")]


def test_a_hold_after_the_deadline_stops_nothing() -> None:
    clock = reckon(
        at("03-02 09:00"),
        terms(60),
        PLAIN,
        holds=[Hold(at("03-02 10:30"))],
        until=at("03-02 11:30"),
    )
    assert (clock.deadline, clock.paused_since) == (at("03-02 10:00"), None)
    assert clock.remaining == -timedelta(hours=1, minutes=30)


def test_R25_warnings_move_with_the_pause_and_with_the_extension() -> None:
    start = at("03-02 08:30")
    plain = reckon(start, terms(200), PLAIN, until=start)
    assert plain.warn_at == ((75, at("03-02 11:00")), (90, at("03-02 11:30")))
    hold = [Hold(at("03-02 11:15"), at("03-02 11:45"))]
    paused = reckon(start, terms(200), PLAIN, holds=hold, until=at("03-02 14:00"))
    assert paused.warn_at == ((75, at("03-02 11:00")), (90, at("03-02 12:00")))
    # From 200 to 400 minutes, and the pause is no part of them: 75 % are 300, 90 % are 360.
    longer = [Setting(at("03-02 11:50"), at("03-02 17:40"), "extended")]
    extended = reckon(
        start, terms(200), PLAIN, settings=longer, holds=hold, until=at("03-02 14:00")
    )
    assert extended.total == timedelta(minutes=390)
    assert extended.warn_at == (
        (75, at("03-02 15:52") + timedelta(seconds=30)),
        (90, at("03-02 16:51")),
    )


def test_a_year_that_the_calendar_does_not_know_is_said_and_not_guessed() -> None:
    short = WorkingCalendar.weekly("short", "Asia/Shanghai", "08:30-17:30", years=(2026, 2026))
    start = at("12-28 08:30")
    clock = reckon(start, terms(15, "working_days"), short, until=at("12-29 09:30"))
    assert (clock.deadline, clock.total, clock.remaining, clock.warn_at) == (None, None, None, ())
    assert clock.undetermined == "calendar short does not know 2027"
    assert clock.elapsed == timedelta(hours=1)
    before = reckon(at("12-28 08:30") - timedelta(days=800), terms(60), short, until=start)
    assert before.undetermined == "calendar short does not know 2024"
    assert before.elapsed == timedelta(0)


def test_a_promised_instant_stands_in_a_year_that_the_calendar_does_not_know() -> None:
    """Only working time is unknown: what the platform promised is known."""
    short = WorkingCalendar.weekly("short", "Asia/Shanghai", "08:30-17:30", years=(2026, 2026))
    start, due = at("12-28 08:30"), at("12-28 08:30") + timedelta(days=30)
    promise = [Setting(start, due, "promised")]
    later = at("12-29 08:30")
    clock = reckon(start, terms(60), short, settings=promise, until=later)
    assert clock.deadline == due
    assert clock.undetermined == "calendar short does not know 2027"
    assert (clock.total, clock.remaining, clock.warn_at) == (None, None, ())
    said = words.deadline_words(clock, ZoneInfo("Asia/Shanghai"))
    assert said.en == (
        "due Wed 2027-01-27 08:30, as promised by the platform; working time until then is not "
        "known: calendar short does not know 2027"
    )
    assert "时限 2027-01-27 周三 08:30" in said.zh
    held = [Hold(at("12-28 10:00"), at("12-28 12:00"))]
    moved = reckon(start, terms(60), short, settings=promise, holds=held, until=later)
    assert moved.deadline is None, "a pause moves it by working time of that year"
    on_hold = reckon(start, terms(60), short, settings=promise, holds=[Hold(later)], until=later)
    assert (on_hold.deadline, on_hold.paused_since) == (None, later)


@pytest.mark.parametrize(("start", "provisional"), [("12-21 09:00", False), ("12-29 09:00", True)])
def test_a_deadline_in_days_that_nobody_has_published_says_so(
    start: str, provisional: bool
) -> None:
    new_year = Day(date(2027, 1, 1), False, DayKind.HOLIDAY, provisional=True)
    calendar = WorkingCalendar.weekly(
        "next", "Asia/Shanghai", "08:30-17:30", years=(2026, 2027), days=(new_year,)
    )
    clock = reckon(at(start), terms(3, "working_days"), calendar, until=at(start))
    assert clock.provisional is provisional


# --- Against a walk minute by minute ----------------------------------------------------------


WALK_DAYS = 40
_MINUTES = WALK_DAYS * 24 * 60


def plain_minutes(with_days: bool) -> list[bool]:
    """Whether each minute from ``BEGIN`` is worked, by the plainest reading of the rules."""
    found = []
    for number in range(_MINUTES):
        local = BEGIN + timedelta(minutes=number)
        works = local.weekday() < 5
        if with_days and local.date() == MAKE_UP.date:
            works = True
        if with_days and local.date() == HOLIDAY.date:
            works = False
        clock = local.hour * 60 + local.minute
        found.append(works and (510 <= clock < 720 or 840 <= clock < 1050))
    return found


WALKED = ((OFFICE, plain_minutes(True)), (PLAIN, plain_minutes(False)), (ALWAYS, [True] * _MINUTES))


def walked(start: int, amount: int, works: list[bool], held: list[bool]) -> int:
    """The minute at which so many worked and unheld minutes have passed."""
    here = start
    while True:
        if works[here] and not held[here]:
            amount -= 1
        here += 1
        if not amount:
            return here


def walked_on(since: int, due: int, works: list[bool], held: list[bool]) -> int:
    """A given deadline moved on: each worked minute that is held adds the next worked one."""
    here = since
    while here < due or (here > since and held[here - 1] and held[here]):
        if here == due:
            due += 1
        elif held[here] and works[here]:
            while not works[due]:
                due += 1
            due += 1
        here += 1
    return due


Holds = list[tuple[int, int]]
minutes = st.integers(0, 14 * 24 * 60)
hold_lists: st.SearchStrategy[Holds] = st.lists(
    st.tuples(minutes, st.integers(1, 3 * 24 * 60)).map(lambda each: (each[0], sum(each))),
    max_size=4,
)


def as_holds(pairs: Holds) -> list[Hold]:
    return [Hold(minute(since), minute(until)) for since, until in pairs]


def held_minutes(pairs: Holds) -> list[bool]:
    held = [False] * _MINUTES
    for since, until in pairs:
        held[since:until] = [True] * (until - since)
    return held


@given(st.sampled_from(WALKED), minutes, st.integers(1, 1500), hold_lists)
def test_the_deadline_is_that_of_a_walk_through_every_minute(
    calendar: tuple[WorkingCalendar, list[bool]], start: int, amount: int, pairs: Holds
) -> None:
    counted, works = calendar
    expected = walked(start, amount, works, held_minutes(pairs))
    clock = reckon(minute(start), terms(amount), counted, holds=as_holds(pairs), until=LONG_AFTER)
    assert clock.deadline == minute(expected)


@given(st.sampled_from(WALKED), minutes, st.integers(0, 2000), st.integers(1, 9000), hold_lists)
@example((PLAIN, WALKED[1][1]), 0, 0, 24 * 60 + 30, [(20 * 60, 40 * 60)])
def test_a_given_deadline_is_moved_as_in_a_walk_through_every_minute(
    calendar: tuple[WorkingCalendar, list[bool]], start: int, later: int, ahead: int, pairs: Holds
) -> None:
    counted, works = calendar
    set_at = start + later
    clock = reckon(
        minute(start),
        terms(60),
        counted,
        settings=[Setting(minute(set_at), minute(set_at + ahead), "extended")],
        holds=as_holds(pairs),
        until=LONG_AFTER,
    )
    expected = walked_on(set_at, set_at + ahead, works, held_minutes(pairs))
    assert clock.deadline == minute(expected)


# --- Laws ---------------------------------------------------------------------------------------

all_terms = st.one_of(
    st.integers(1, 3000).map(terms),
    st.integers(1, 50).map(lambda amount: terms(amount, "hours")),
    st.integers(1, 9).map(lambda amount: terms(amount, "working_days")),
    st.tuples(st.integers(1, 12), st.booleans()).map(
        lambda each: terms(each[0], "calendar_days", roll=each[1])
    ),
)
setting_lists = st.lists(
    st.tuples(minutes, st.integers(1, 9000)).map(
        lambda each: Setting(minute(each[0]), minute(sum(each)), "extended")
    ),
    max_size=2,
)
calendars = st.sampled_from(CALENDARS)


def clock_of(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    pairs: Holds,
    settings: Sequence[Setting] = (),
    until: datetime = LONG_AFTER,
) -> Reckoning:
    return reckon(
        minute(start), of, calendar, settings=settings, holds=as_holds(pairs), until=until
    )


@given(calendars, minutes, all_terms, setting_lists, hold_lists, st.data())
def test_law_splitting_a_hold_and_the_order_of_holds_change_nothing(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    settings: list[Setting],
    pairs: Holds,
    data: st.DataObject,
) -> None:
    whole = clock_of(calendar, start, of, pairs, settings)
    split: Holds = []
    for since, until in pairs:
        middle = data.draw(st.integers(since, until))
        split += [(since, middle), (middle, until)]
    shuffled = data.draw(st.permutations(split))
    assert clock_of(calendar, start, of, shuffled, settings) == whole


@given(st.sampled_from((OFFICE, PLAIN, NEW_YORK)), minutes, all_terms, minutes, st.integers(1, 60))
def test_law_a_hold_outside_working_time_moves_nothing(
    calendar: WorkingCalendar, start: int, of: Terms, since: int, length: int
) -> None:
    without = clock_of(calendar, start, of, [])
    assert without.deadline is not None
    hold = (since, since + length)
    assume(not calendar.working_time_between(minute(hold[0]), minute(hold[1])))
    assume(not minute(hold[0]) < without.deadline < minute(hold[1]))
    assert clock_of(calendar, start, of, [hold]) == without


@given(calendars, minutes, all_terms, setting_lists, hold_lists, hold_lists)
def test_law_more_pause_is_never_an_earlier_deadline(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    settings: list[Setting],
    pairs: Holds,
    more: Holds,
) -> None:
    less = clock_of(calendar, start, of, pairs, settings).deadline
    greater = clock_of(calendar, start, of, pairs + more, settings).deadline
    assert less is not None
    assert greater is not None
    assert greater >= less


@given(calendars, minutes, all_terms, setting_lists, hold_lists, minutes)
def test_law_elapsed_and_remaining_are_the_total(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    settings: list[Setting],
    pairs: Holds,
    passed: int,
) -> None:
    until = minute(start + passed)
    clock = clock_of(calendar, start, of, pairs, settings, until)
    assert clock.total is not None
    assert clock.remaining is not None
    assert clock.elapsed + clock.remaining == clock.total
    assert clock.elapsed >= timedelta(0)
    if clock.deadline is not None and until <= clock.deadline and until >= clock.counted_from:
        assert clock.remaining == calendar.working_time_between(until, clock.deadline)


@given(calendars, minutes, all_terms, setting_lists, hold_lists, minutes)
def test_law_what_is_not_known_yet_does_not_count(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    settings: list[Setting],
    pairs: Holds,
    passed: int,
) -> None:
    """At any instant the clock is that of the events up to then, told or not of the later ones."""
    until = minute(start + passed)
    known = [
        Hold(minute(since), minute(end) if minute(end) <= until else None)
        for since, end in pairs
        if minute(since) <= until
    ]
    said = [each for each in settings if each.at <= until]
    then = reckon(minute(start), of, calendar, settings=said, holds=known, until=until)
    assert clock_of(calendar, start, of, pairs, settings, until) == then


@given(calendars, minutes, all_terms, hold_lists, minutes)
def test_law_the_deadline_is_the_same_whenever_it_is_reckoned_after_the_last_event(
    calendar: WorkingCalendar, start: int, of: Terms, pairs: Holds, later: int
) -> None:
    last = max([start, *(until for _, until in pairs)])
    clock = clock_of(calendar, start, of, pairs, until=minute(last + later))
    final = clock_of(calendar, start, of, pairs)
    assert (clock.deadline, clock.total, clock.held, clock.warn_at) == (
        *(final.deadline, final.total, final.held, final.warn_at),
    )


@given(calendars, minutes, all_terms, setting_lists, hold_lists, st.integers(1, 5000))
def test_law_a_hold_wholly_after_the_deadline_moves_nothing(
    calendar: WorkingCalendar,
    start: int,
    of: Terms,
    settings: list[Setting],
    pairs: Holds,
    after: int,
) -> None:
    clock = clock_of(calendar, start, of, pairs, settings)
    assert clock.deadline is not None
    begins = clock.deadline + timedelta(minutes=after)
    late = [*as_holds(pairs), Hold(begins, begins + timedelta(days=1)), Hold(begins)]
    again = reckon(minute(start), of, calendar, settings=settings, holds=late, until=LONG_AFTER)
    assert again == clock


@given(calendars, minutes, st.integers(1, 3000), st.integers(1, 3000), hold_lists)
def test_law_changed_terms_keep_the_pauses(
    calendar: WorkingCalendar, start: int, amount: int, other: int, pairs: Holds
) -> None:
    for each in (amount, other):
        clock = clock_of(calendar, start, terms(each), pairs)
        assert clock.deadline is not None
        assert clock.total == timedelta(minutes=each)
        passed = calendar.working_time_between(minute(start), clock.deadline)
        assert passed - clock.held == clock.total


@given(calendars, minutes, all_terms, setting_lists, hold_lists)
def test_law_at_a_warning_so_much_is_used(
    calendar: WorkingCalendar, start: int, of: Terms, settings: list[Setting], pairs: Holds
) -> None:
    clock = clock_of(calendar, start, of, pairs, settings)
    assert clock.total is not None
    assert clock.deadline is not None
    assert len(clock.warn_at) == (2 if clock.total > timedelta(0) else 0)
    for percent, instant in clock.warn_at:
        passed = calendar.working_time_between(clock.counted_from, instant)
        held = sum(
            (
                calendar.working_time_between(max(since, clock.counted_from), min(until, instant))
                for since, until in merged(pairs)
                if max(since, clock.counted_from) < min(until, instant)
            ),
            timedelta(0),
        )
        assert passed - held == clock.total * percent // 100
        assert instant <= clock.deadline


def merged(pairs: Holds) -> list[tuple[datetime, datetime]]:
    found: list[list[int]] = []
    for since, until in sorted(pairs):
        if found and since <= found[-1][1]:
            found[-1][1] = max(found[-1][1], until)
        else:
            found.append([since, until])
    return [(minute(since), minute(until)) for since, until in found]


def test_a_calendar_that_ends_says_so_at_the_first_year_it_lacks() -> None:
    short = WorkingCalendar.weekly("short", "Asia/Shanghai", "08:30-17:30", years=(2026, 2026))
    with pytest.raises(CalendarUnknown):
        short.end_of_working_day(at("12-30 09:00"), 5)
