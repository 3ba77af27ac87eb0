"""A city whose next version knows of a typhoon: two days off, and work on the Saturday after.

The end of its tickets is two working days, so that breaches are withdrawn and new ones stated.
"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from policy.bundle import SHIPPED
from schemas.events import Event
from tests.model.log import Log, at

START: Final = "2026-11-01T00:00:00+08:00"
"""Of the new version: a Sunday."""
NAME: Final = "2026-11"
END: Final = at("2026-10-31 20:00")
"""When nothing more is due under the version of today."""
TICKETS_MADE: Final = 15
SEVEN_DAYS: Final = "{amount: 7, unit: calendar_days, calendar: cn-workdays, roll: true}"
TWO_DAYS: Final = "{amount: 2, unit: working_days, calendar: cn-workdays}"
NEW_DAYS: Final = """    overrides:
      - from: 2026-10-29
        to: 2026-10-30
        kind: holiday
        name: {zh: 台风停工, en: Typhoon}
        source: "OURS: test"
      - date: 2026-10-31
        kind: workday
        name: {zh: 调休上班, en: Make-up day}
        source: "OURS: test"
"""


def bundles(folder: Path) -> tuple[Path, Path]:
    """A city's bundle, and the same with a version to come."""
    before, after = folder / "before", folder / "after"
    shutil.copytree(SHIPPED / "cn-12345", before)
    rules = before / "rules" / "2026-01.yaml"
    text = rules.read_text(encoding="utf-8")
    assert SEVEN_DAYS in text
    rules.write_text(text.replace(SEVEN_DAYS, TWO_DAYS), encoding="utf-8")
    shutil.copytree(before, after)
    calendars = (after / "calendars" / "2026.yaml").read_text(encoding="utf-8")
    (after / "calendars" / "2026-11.yaml").write_text(
        calendars.replace("    overrides:\n", NEW_DAYS, 1), encoding="utf-8"
    )
    main = after / "bundle.yaml"
    text = main.read_text(encoding="utf-8").rstrip("\n")
    last = text[text.rindex("  - name:") :]
    for old, new in (
        (last.splitlines()[0], f"  - name: {NAME}"),
        (last.splitlines()[1], f"    effective_from: {START}"),
        ("calendars/2026.yaml", "calendars/2026-11.yaml"),
    ):
        last = last.replace(old, new, 1)
    main.write_text(f"{text}\n{last}\n", encoding="utf-8")
    return before, after


def history() -> Iterator[Event]:
    """Tickets of the week before, in the order of their time."""
    log = Log()
    for day in (26, 27, 28, 29, 30):
        for hour in (9, 10, 11):
            ticket, when = f"T{day}{hour:02}", at(f"2026-10-{day} {hour:02}:00")
            yield log.received(ticket, when, citizen=f"c:{ticket}")
            when += timedelta(minutes=5)
            yield log.dispatched(ticket, when, dispatch_id="d1", department="water-group")
            if hour == 11:
                yield log.closed(ticket, when + timedelta(hours=4))
