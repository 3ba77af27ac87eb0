"""Deadlines worked out by hand, with a wall calendar and a pencil, before the code was run.

Numbers are those of requirements.md §3, days off those of the State Council's notices for 2025
(国办发明电〔2024〕12号) and 2026 (国办发明电〔2025〕7号), of the English bank holidays and of the
US federal holidays. Offices of ``cn-workdays`` work 08:30-12:00 and 14:00-17:30. ``why`` counts the
days: the number behind a day is the how-manieth that counts; what has none does not count.

    2025  off: 28 Jan-4 Feb, 4-6 Apr, 1-5 May, 31 May-2 Jun, 1-8 Oct
          make-up days (调休上班): Sun 26 Jan, Sat 8 Feb, Sun 27 Apr, Sun 28 Sep, Sat 11 Oct
    2026  off: 1-3 Jan, 15-23 Feb, 4-6 Apr, 1-5 May, 19-21 Jun, 25-27 Sep, 1-7 Oct
          make-up days: Sun 4 Jan, Sat 14 Feb, Sat 28 Feb, Sat 9 May, Sun 20 Sep, Sat 10 Oct
    2027  not published yet: the days of the law only (全国年节及纪念日放假办法), provisional
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

import orjson
import pytest

from policy.bundle import Bundle, load
from rules.clocks.reckoning import Hold, reckon
from rules.clocks.terms import Terms
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.events import EVENT_TYPES
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.model.log import Log

CN, UK, US = "cn-12345", "uk-council", "us-311"
WORKDAYS, ALWAYS = "cn-workdays", "cn-24x7"


@dataclass(frozen=True)
class Hand:
    """One deadline, by hand."""

    what: str
    start: str
    amount: float
    unit: str
    due: str
    why: str
    calendar: str = WORKDAYS
    bundle: str = CN
    roll: bool = False
    """Of calendar days: a day off moves on to the next working day (Civil Code art. 201, 203)."""
    holds: tuple[tuple[str, str], ...] = field(default=())


DEADLINES = (
    # --- accept (签收): 15 min life/property, 30 min utilities, around the clock; 1 wd else ---
    Hand(
        what="accept 15 min, danger to life, in the night of New Year",
        start="2026-02-17T02:50+08:00",
        amount=15,
        unit="minutes",
        calendar=ALWAYS,
        due="2026-02-17T03:05+08:00",
        why="Around the clock: neither the night nor the first day of Spring Festival counts less.",
    ),
    Hand(
        what="accept 30 min, no heating, over the end of the year",
        start="2026-12-31T23:45+08:00",
        amount=30,
        unit="minutes",
        calendar=ALWAYS,
        due="2027-01-01T00:15+08:00",
        why="15 minutes of 2026 and 15 of 2027; around the clock no day of 2027 need be known.",
    ),
    Hand(
        what="accept 1 wd, dispatched on a Friday before a make-up Sunday",
        start="2025-09-26T15:00+08:00",
        amount=1,
        unit="working_days",
        due="2025-09-28T17:30+08:00",
        why="Fri 26 is the day of dispatch. Sat 27 is off. Sun 28 is worked for National Day (1).",
    ),
    Hand(
        what="accept 1 wd, dispatched after hours on the eve of National Day",
        start="2025-09-30T18:40+08:00",
        amount=1,
        unit="working_days",
        due="2025-10-09T17:30+08:00",
        why="Tue 30 Sep is the day of dispatch. Wed 1 to Wed 8 Oct are off. Thu 9 (1).",
    ),
    Hand(
        what="accept 1 wd, dispatched on a Friday before a make-up Saturday",
        start="2025-10-10T09:00+08:00",
        amount=1,
        unit="working_days",
        due="2025-10-11T17:30+08:00",
        why="Fri 10 is the day of dispatch. Sat 11 Oct is worked for National Day (1).",
    ),
    Hand(
        what="accept 1 wd, dispatched within Spring Festival",
        start="2026-02-18T10:00+08:00",
        amount=1,
        unit="working_days",
        due="2026-02-24T17:30+08:00",
        why="Thu 19 to Mon 23 Feb are off. Tue 24 is the first day back (1).",
    ),
    # --- first contact (首次联系): 1 working day ---
    Hand(
        what="first contact 1 wd over New Year, on a make-up Sunday",
        start="2025-12-31T16:59+08:00",
        amount=1,
        unit="working_days",
        due="2026-01-04T17:30+08:00",
        why="Thu 1, Fri 2, Sat 3 Jan are off. Sun 4 Jan is worked for Fri 2 (1).",
    ),
    Hand(
        what="first contact 1 wd, on the make-up Saturday before Spring Festival",
        start="2026-02-13T11:00+08:00",
        amount=1,
        unit="working_days",
        due="2026-02-14T17:30+08:00",
        why="Fri 13 is the day of dispatch. Sat 14 Feb is worked for the festival (1).",
    ),
    Hand(
        what="first contact 1 wd, dispatched on that make-up Saturday",
        start="2026-02-14T16:00+08:00",
        amount=1,
        unit="working_days",
        due="2026-02-24T17:30+08:00",
        why=(
            "Sat 14 is worked, but it is the day of dispatch and does not count. Sun 15 to Mon 23 "
            "are off. Tue 24 (1)."
        ),
    ),
    Hand(
        what="first contact 1 wd, on the make-up Saturday after Spring Festival",
        start="2026-02-27T09:00+08:00",
        amount=1,
        unit="working_days",
        due="2026-02-28T17:30+08:00",
        why="Fri 27 is the day of dispatch. Sat 28 Feb is worked for the festival (1).",
    ),
    Hand(
        what="first contact 1 wd over the end of the year, into a year not published yet",
        start="2026-12-31T12:30+08:00",
        amount=1,
        unit="working_days",
        due="2027-01-04T17:30+08:00",
        why=(
            "12:30 is in the lunch break; the day counts nothing anyway. Fri 1 Jan 2027 is New "
            "Year by law, Sat 2 and Sun 3 a weekend. Mon 4 (1); provisional."
        ),
    ),
    Hand(
        what="first contact 1 wd over Qingming",
        start="2026-04-03T08:29+08:00",
        amount=1,
        unit="working_days",
        due="2026-04-07T17:30+08:00",
        why=(
            "A minute before the office opens it is Fri 3 Apr already: that day does not count. "
            "Sat 4, Sun 5, Mon 6 are off (Qingming). Tue 7 (1)."
        ),
    ),
    # --- resolve, levels 1 and 2: 2 h, 24 h around the clock ---
    Hand(
        what="resolve level 1, 2 h over midnight of New Year",
        start="2026-02-16T23:10+08:00",
        amount=2,
        unit="hours",
        calendar=ALWAYS,
        due="2026-02-17T01:10+08:00",
        why="50 minutes to midnight, 70 after it.",
    ),
    Hand(
        what="resolve level 2, 24 h within National Day",
        start="2025-10-03T20:15+08:00",
        amount=24,
        unit="hours",
        calendar=ALWAYS,
        due="2025-10-04T20:15+08:00",
        why="Around the clock; the holiday changes nothing.",
    ),
    Hand(
        what="resolve level 2, 24 h with a hold",
        start="2026-05-01T08:00+08:00",
        amount=24,
        unit="hours",
        calendar=ALWAYS,
        holds=(("2026-05-01T10:00+08:00", "2026-05-01T13:30+08:00"),),
        due="2026-05-02T11:30+08:00",
        why="08:00 of the next day, and 3 h 30 of hold, around the clock as the target is.",
    ),
    # --- resolve, level 3: 7 calendar days, rolling on ---
    Hand(
        what="resolve level 3, 7 days, nothing in the way",
        start="2026-03-02T10:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2026-03-09T17:30+08:00",
        why="Tue 3 (1), 4, 5, 6, 7, 8 (6), Mon 9 (7): worked, so it ends with the office's hours.",
    ),
    Hand(
        what="resolve level 3, 7 days that end in National Day",
        start="2025-09-28T09:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2025-10-09T17:30+08:00",
        why=(
            "Mon 29 Sep (1), 30 (2), 1 Oct (3), 2, 3, 4, Sun 5 (7): off, and so are 6, 7, 8. "
            "Thu 9 Oct is the next working day."
        ),
    ),
    Hand(
        what="resolve level 3, 7 days that end on a make-up Saturday",
        start="2026-02-07T09:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2026-02-14T17:30+08:00",
        why="Sun 8 (1), 9, 10, 11, 12, 13 (6), Sat 14 (7): worked, so nothing rolls on.",
    ),
    Hand(
        what="resolve level 3, 7 days out of Spring Festival onto a make-up Saturday",
        start="2026-02-21T12:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2026-02-28T17:30+08:00",
        why="Sun 22 (1), Mon 23, 24, 25, 26, Fri 27 (6), Sat 28 (7): worked for the festival.",
    ),
    Hand(
        what="resolve level 3, 7 days that end in the May holiday",
        start="2026-04-27T11:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2026-05-06T17:30+08:00",
        why="Tue 28 (1), 29, 30 (3), Fri 1 May (4), 2, 3, Mon 4 (7): off, Tue 5 too. Wed 6.",
    ),
    Hand(
        what="resolve level 3, 7 days over the end of the year",
        start="2026-12-26T10:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        due="2027-01-04T17:30+08:00",
        why=(
            "Sun 27 (1), 28, 29, 30, 31 (5), Fri 1 Jan (6), Sat 2 (7): a weekend. Sun 3 too. "
            "Mon 4; provisional, the notice for 2027 may still make it another day."
        ),
    ),
    Hand(
        what="resolve level 3, 7 days with a hold over the May holiday and a make-up day behind it",
        start="2026-04-27T11:00+08:00",
        amount=7,
        unit="calendar_days",
        roll=True,
        holds=(("2026-04-29T16:30+08:00", "2026-05-07T09:00+08:00"),),
        due="2026-05-09T10:00+08:00",
        why=(
            "Without the hold Wed 6 May 17:30. Held in working time: Wed 29 Apr 1 h, Thu 30 7 h, "
            "Wed 6 May 7 h, Thu 7 half an hour: 15 h 30. From Wed 6 17:30 on: Thu 7 7 h, Fri 8 "
            "7 h, and 1 h 30 of Sat 9, which is worked for the holiday: 10:00."
        ),
    ),
    # --- resolve, level 4: 15 calendar days, rolling on ---
    Hand(
        what="resolve level 4, 15 days that end in National Day",
        start="2026-09-22T14:00+08:00",
        amount=15,
        unit="calendar_days",
        roll=True,
        due="2026-10-08T17:30+08:00",
        why=(
            "Wed 23 Sep (1) to Wed 30 (8), Thu 1 Oct (9) to Wed 7 (15): off. Thu 8. The days off "
            "of 25 to 27 Sep (Mid-Autumn) count: these are calendar days."
        ),
    ),
    Hand(
        what="resolve level 4, 15 days that end on New Year and roll onto a make-up Sunday",
        start="2025-12-17T09:30+08:00",
        amount=15,
        unit="calendar_days",
        roll=True,
        due="2026-01-04T17:30+08:00",
        why=(
            "Thu 18 Dec (1) to Wed 31 (14), Thu 1 Jan (15): off, Fri 2 and Sat 3 too. Sun 4 Jan is "
            "worked."
        ),
    ),
    Hand(
        what="resolve level 4, 15 days that end in the May holiday of 2025",
        start="2025-04-18T16:00+08:00",
        amount=15,
        unit="calendar_days",
        roll=True,
        due="2025-05-06T17:30+08:00",
        why="Sat 19 Apr (1) to Wed 30 (12), Thu 1 May (13), 2, Sat 3 (15): off to Mon 5. Tue 6.",
    ),
    # --- Guangdong: consult 2, help 10, complaint 15 working days ---
    Hand(
        what="Guangdong, consultation, 2 wd before Spring Festival 2025",
        start="2025-01-24T10:00+08:00",
        amount=2,
        unit="working_days",
        due="2025-01-27T17:30+08:00",
        why="Sat 25 is off. Sun 26 Jan is worked for the festival (1), Mon 27 (2).",
    ),
    Hand(
        what="Guangdong, help, 10 wd over Spring Festival 2025 with both its make-up days",
        start="2025-01-20T09:00+08:00",
        amount=10,
        unit="working_days",
        due="2025-02-08T17:30+08:00",
        why=(
            "Tue 21 (1), 22, 23, Fri 24 (4), Sat 25 off, Sun 26 make-up (5), Mon 27 (6), 28 Jan to "
            "4 Feb off, Wed 5 (7), 6, Fri 7 (9), Sat 8 make-up (10)."
        ),
    ),
    Hand(
        what="Guangdong, complaint, 15 wd over Spring Festival 2026 with both its make-up days",
        start="2026-02-06T17:29+08:00",
        amount=15,
        unit="working_days",
        due="2026-03-05T17:30+08:00",
        why=(
            "Sat 7, Sun 8 off. Mon 9 (1) to Fri 13 (5), Sat 14 make-up (6), 15 to 23 off, Tue 24 "
            "(7), 25, 26, Fri 27 (10), Sat 28 make-up (11), Sun 1 Mar off, Mon 2 (12), 3, 4, "
            "Thu 5 (15)."
        ),
    ),
    Hand(
        what="Guangdong, complaint, 15 wd over Mid-Autumn and National Day 2026",
        start="2026-09-17T10:00+08:00",
        amount=15,
        unit="working_days",
        due="2026-10-14T17:30+08:00",
        why=(
            "Fri 18 (1), Sat 19 off, Sun 20 make-up (2), Mon 21 (3) to Thu 24 (6), 25 to 27 off, "
            "Mon 28 (7), 29, Wed 30 (9), 1 to 7 Oct off, Thu 8 (10), Fri 9 (11), Sat 10 make-up "
            "(12), Sun 11 off, Mon 12 (13), 13, Wed 14 (15)."
        ),
    ),
    # --- Shandong: 5 working days, extension at most 10 ---
    Hand(
        what="Shandong, 5 wd over the May holiday",
        start="2026-04-29T15:00+08:00",
        amount=5,
        unit="working_days",
        due="2026-05-09T17:30+08:00",
        why="Thu 30 (1), 1 to 5 May off, Wed 6 (2), 7, Fri 8 (4), Sat 9 make-up (5).",
    ),
    Hand(
        what="Shandong, the longest extension: 10 wd from that deadline on",
        start="2026-05-09T17:30+08:00",
        amount=10,
        unit="working_days",
        due="2026-05-22T17:30+08:00",
        why="Sun 10 off, Mon 11 (1) to Fri 15 (5), weekend, Mon 18 (6) to Fri 22 (10).",
    ),
    # --- «次日起13个工作日» (bureau rule) ---
    Hand(
        what="13 wd from the day after, over Qingming 2025",
        start="2025-03-24T08:30+08:00",
        amount=13,
        unit="working_days",
        due="2025-04-11T17:30+08:00",
        why=(
            "Mon 24 does not count although the office just opens. Tue 25 (1) to Fri 28 (4), Mon "
            "31 (5), Tue 1 Apr (6), 2, Thu 3 (8), 4 to 6 off, Mon 7 (9) to Fri 11 (13)."
        ),
    ),
    # --- working hours: lunch, the end of a span, make-up days ---
    Hand(
        what="2 working hours over lunch",
        start="2026-02-13T11:30+08:00",
        amount=2,
        unit="hours",
        due="2026-02-13T15:30+08:00",
        why="Half an hour to 12:00, lunch to 14:00, one hour and a half after it.",
    ),
    Hand(
        what="4 working hours that begin on a make-up Saturday",
        start="2026-02-14T16:00+08:00",
        amount=4,
        unit="hours",
        due="2026-02-24T11:00+08:00",
        why="1 h 30 to 17:30, Spring Festival, 2 h 30 from 08:30 on Tue 24.",
    ),
    Hand(
        what="3.5 working hours end with the morning",
        start="2026-12-30T08:30+08:00",
        amount=3.5,
        unit="hours",
        due="2026-12-30T12:00+08:00",
        why="Used up at 12:00 sharp: due as the span ends, not when the next begins at 14:00.",
    ),
    Hand(
        what="7 working hours from a day off end with a make-up Sunday",
        start="2025-09-27T10:00+08:00",
        amount=7,
        unit="hours",
        due="2025-09-28T17:30+08:00",
        why="Sat 27 is off. Sun 28 has 3 h 30 and 3 h 30; used up at 17:30, not at 08:30 on Mon.",
    ),
    # --- return (退单): 1 wd, 2 if complex ---
    Hand(
        what="return within 1 wd over Dragon Boat",
        start="2026-06-18T17:00+08:00",
        amount=1,
        unit="working_days",
        due="2026-06-22T17:30+08:00",
        why="Fri 19 is Dragon Boat, Sat 20 and Sun 21 off. Mon 22 (1).",
    ),
    Hand(
        what="return of a complex matter within 2 wd over National Day",
        start="2026-09-30T11:00+08:00",
        amount=2,
        unit="working_days",
        due="2026-10-09T17:30+08:00",
        why="1 to 7 Oct off. Thu 8 (1), Fri 9 (2).",
    ),
    # --- holds of day-counted targets ---
    Hand(
        what="first contact 1 wd, on hold over a night",
        start="2026-03-09T10:00+08:00",
        amount=1,
        unit="working_days",
        holds=(("2026-03-09T14:00+08:00", "2026-03-10T10:00+08:00"),),
        due="2026-03-11T10:00+08:00",
        why=(
            "Due Tue 10 17:30. The clock counts from the day after dispatch, so of the hold only "
            "Tue 08:30-10:00 counts: 1 h 30, which is Wed 11 10:00."
        ),
    ),
    Hand(
        what="first contact 1 wd, on hold over a weekend",
        start="2026-03-13T10:00+08:00",
        amount=1,
        unit="working_days",
        holds=(("2026-03-14T09:00+08:00", "2026-03-15T18:00+08:00"),),
        due="2026-03-16T17:30+08:00",
        why="Sat 14 and Sun 15 are off: the hold took no working time, so it gives none back.",
    ),
    Hand(
        what="accept 1 wd, on hold over lunch, twice and overlapping",
        start="2026-03-09T10:00+08:00",
        amount=1,
        unit="working_days",
        holds=(
            ("2026-03-10T11:30+08:00", "2026-03-10T14:30+08:00"),
            ("2026-03-10T13:00+08:00", "2026-03-10T15:00+08:00"),
        ),
        due="2026-03-11T10:00+08:00",
        why=(
            "Due Tue 10 17:30. Together on hold 11:30-15:00: half an hour, lunch, one hour: 1 h "
            "30, so Wed 11 10:00."
        ),
    ),
    # --- uk-council: 5, 10, 20 working days ---
    Hand(
        what="acknowledge 5 wd over Easter",
        bundle=UK,
        calendar="uk-england",
        start="2026-04-01T16:00+01:00",
        amount=5,
        unit="working_days",
        due="2026-04-10T17:00+01:00",
        why="Thu 2 (1), Good Friday off, weekend, Easter Monday off, Tue 7 (2) to Fri 10 (5).",
    ),
    Hand(
        what="stage 1, 10 wd over the change to summer time and Easter",
        bundle=UK,
        calendar="uk-england",
        start="2026-03-20T16:30+00:00",
        amount=10,
        unit="working_days",
        due="2026-04-07T17:00+01:00",
        why=(
            "Mon 23 (1) to Fri 27 (5); clocks go forward on Sun 29; Mon 30 (6), 31, 1 Apr, Thu 2 "
            "(9), Fri 3 to Mon 6 off, Tue 7 (10): 17:00 in summer time."
        ),
    ),
    Hand(
        what="stage 1, 10 wd over the change to winter time",
        bundle=UK,
        calendar="uk-england",
        start="2026-10-19T09:00+01:00",
        amount=10,
        unit="working_days",
        due="2026-11-02T17:00+00:00",
        why=(
            "Tue 20 (1) to Fri 23 (4); clocks go back on Sun 25; Mon 26 (5) to Fri 30 (9), Mon 2 "
            "Nov (10): 17:00 in winter time."
        ),
    ),
    Hand(
        what="stage 2, 20 wd over Christmas 2025",
        bundle=UK,
        calendar="uk-england",
        start="2025-12-12T10:00+00:00",
        amount=20,
        unit="working_days",
        due="2026-01-14T17:00+00:00",
        why=(
            "Mon 15 (1) to Fri 19 (5), Mon 22 (6), 23, 24 (8), 25 and 26 off, Mon 29 (9), 30, 31 "
            "(11), Thu 1 Jan off, Fri 2 (12), 5 to 9 (17), 12, 13, Wed 14 (20)."
        ),
    ),
    Hand(
        what="stage 2, 20 wd over Christmas 2026, Boxing Day on a Saturday",
        bundle=UK,
        calendar="uk-england",
        start="2026-12-07T10:00+00:00",
        amount=20,
        unit="working_days",
        due="2027-01-07T17:00+00:00",
        why=(
            "Tue 8 (1) to Fri 11 (4), 14 to 18 (9), 21 to Thu 24 (13), Fri 25 off, Mon 28 off for "
            "Boxing Day on Sat 26, Tue 29 (14), 30, 31 (16), Fri 1 Jan off, Mon 4 (17) to Thu 7 "
            "(20)."
        ),
    ),
    # --- us-311: 7 days (Chicago, pothole); days of 23 and 25 hours ---
    Hand(
        what="24 h over the change to daylight saving time",
        bundle=US,
        calendar="us-24x7",
        start="2026-03-07T12:00-05:00",
        amount=24,
        unit="hours",
        due="2026-03-08T13:00-04:00",
        why="Sun 8 Mar has 23 hours: 24 hours passed are 13:00 by the clock on the wall.",
    ),
    Hand(
        what="24 h over the end of daylight saving time",
        bundle=US,
        calendar="us-24x7",
        start="2026-10-31T20:00-04:00",
        amount=24,
        unit="hours",
        due="2026-11-01T19:00-05:00",
        why="Sun 1 Nov has 25 hours: 24 hours passed are 19:00 by the clock on the wall.",
    ),
    Hand(
        what="pothole, 7 days that end on the short day of March",
        bundle=US,
        calendar="us-24x7",
        start="2026-03-01T10:00-05:00",
        amount=7,
        unit="calendar_days",
        due="2026-03-09T00:00-04:00",
        why="Mon 2 (1) to Sun 8 (7), to its end at midnight, daylight saving time by then.",
    ),
    Hand(
        what="1 wd over the eve of Independence Day, which is a Saturday",
        bundle=US,
        calendar="us-federal",
        start="2026-07-02T15:00-04:00",
        amount=1,
        unit="working_days",
        due="2026-07-06T17:00-04:00",
        why="Fri 3 Jul is kept for Sat 4. Mon 6 (1).",
    ),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@cache
def bundle(name: str) -> Bundle:
    return load(name)


def names(case: Hand) -> str:
    return case.what.replace(" ", "_").replace(",", "")


def test_there_are_at_least_forty() -> None:
    assert len({(case.calendar, case.start, case.amount, case.holds) for case in DEADLINES}) >= 40


@pytest.mark.parametrize("case", DEADLINES, ids=names)
def test_deadline_worked_out_by_hand(case: Hand) -> None:
    calendar = bundle(case.bundle).at(at(case.start)).calendars[case.calendar]
    start = at(case.start)
    anchor = start
    match case.unit:
        case "working_days":
            found = calendar.end_of_working_day(start, int(case.amount))
            anchor = calendar.day_after(start)
        case "calendar_days":
            found = calendar.end_of_calendar_day(start, int(case.amount), roll=case.roll)
            anchor = calendar.day_after(start)
        case unit:
            found = calendar.add_working_time(start, timedelta(**{unit: case.amount}))
    free = anchor
    for begin, end in case.holds:
        begin_at = max(at(begin), free)
        if begin_at < at(end):
            held = calendar.working_time_between(begin_at, at(end))
            found = calendar.add_working_time(found, held)
            free = at(end)
    assert found == at(case.due), case.why
    # The offset on paper is the one that the wall's clock has then.
    assert at(case.due).utcoffset() == found.astimezone(calendar.zone).utcoffset()


@pytest.mark.parametrize("case", DEADLINES, ids=names)
def test_reckoned_as_by_hand(case: Hand) -> None:
    """The same by ``rules.clocks``, which pauses and rolls on by itself."""
    calendar = bundle(case.bundle).at(at(case.start)).calendars[case.calendar]
    minutes = case.unit == "hours" and case.amount % 1
    terms = Terms(
        target="resolve",
        rule="resolve.hand",
        amount=int(case.amount * 60 if minutes else case.amount),
        unit="minutes" if minutes else case.unit,
        calendar=case.calendar,
        roll=case.roll,
        warnings=(),
        version="hand",
    )
    holds = [Hold(at(begin), at(end)) for begin, end in case.holds]
    found = reckon(at(case.start), terms, calendar, holds=holds, until=at(case.due))
    assert found.deadline == at(case.due), case.why
    assert found.provisional == ("provisional" in case.why)


CONTENTS: dict[str, tuple[str, dict[str, str]]] = {
    "accept 15 min": ("accept:D1", {"urgency": "very_urgent"}),
    "accept 30 min": ("accept:D1", {"leaf": "utilities.heating.outage"}),
    "accept 1 wd, dispatched": ("accept:D1", {"leaf": "city.facilities.street_light"}),
    "first contact": ("first_contact:D1", {"leaf": "city.facilities.street_light"}),
    "resolve level 1": ("resolve", {"leaf": "utilities.gas.leak"}),
    "resolve level 2": ("resolve", {"leaf": "utilities.water.outage"}),
    "resolve level 3": ("resolve", {"leaf": "city.facilities.street_light"}),
    "resolve level 4": ("resolve", {"leaf": "labour.wages"}),
}
"""What the shipped policy of cn-12345 must give that deadline to, by how a case begins."""
TICKETS_OF_CN = [
    (case, *found)
    for case in DEADLINES
    for begins, found in CONTENTS.items()
    if case.what.startswith(begins)
]


@pytest.mark.parametrize(
    ("case", "clock", "content"), TICKETS_OF_CN, ids=[names(each[0]) for each in TICKETS_OF_CN]
)
def test_stated_as_by_hand(case: Hand, clock: str, content: dict[str, str]) -> None:
    """The whole way: events of a ticket through the processor, under the shipped policy."""
    log, start = Log(), at(case.start)
    events = [
        log.event(EVENT_TYPES["hotline.ticket.received.v1"], "T1", start, content),
        log.event(
            EVENT_TYPES["hotline.ticket.dispatched.v1"],
            "T1",
            start,
            {"dispatch_id": "D1", "department": "city-housing"},
        ),
    ]
    for begin, end in case.holds:
        data = {"reason_code": "awaiting-citizen"}
        events += [
            log.event(EVENT_TYPES["hotline.hold.started.v1"], "T1", at(begin), data),
            log.event(EVENT_TYPES["hotline.hold.ended.v1"], "T1", at(end), {}),
        ]
    said: list[Written] = []
    driver = Driver([Sla()], bundle(CN), said.append)
    driver.run(
        Record(TICKETS, 0, offset, b"c:1", to_bytes(event), to_ms(event.time))
        for offset, event in enumerate(events)
    )
    assert not driver.failures
    driver.advance(at(case.due) + timedelta(milliseconds=1))
    facts = [orjson.loads(each.value or b"") for each in said if each.topic is SLA]
    mine = [fact for fact in facts if fact["data"].get("clock") == clock]
    last = mine[-1]
    assert last["type"] == "hotline.sla.breached.v1"
    assert last["data"]["deadline"] == at(case.due).isoformat(), case.why
    assert at(last["recordedtime"]) == at(case.due), "at the deadline, not before"
