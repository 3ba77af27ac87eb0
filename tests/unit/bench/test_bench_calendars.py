"""The calendar measurement measures right answers."""

from bench.calendars import WHICH, run, sheet


def test_every_calendar_is_timed_and_its_answers_are_exact_inverses() -> None:
    said: list[str] = []
    outcome = run(10_000, say=said.append)
    assert [each.calendar.split("+")[0] for each in outcome.timings] == [name for _, name in WHICH]
    assert all(each.inverse for each in outcome.timings)
    assert all(row[-1] == "yes" for row in sheet(outcome).rows)
    assert len(said) == len(WHICH)
