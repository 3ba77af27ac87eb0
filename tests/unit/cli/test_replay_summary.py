"""What a replay's summary counts: the verdict that holds, net and raw repeats (R16)."""

from typing import Any

import pytest

from cli.replaying.summary import last_revisions, repeat_counts

DIMENSIONS = {"department": "D1", "leaf": "noise", "month": "2026-03"}


def fact(ticket: str, verdict: str = "new", revision: int = 1, **data: Any) -> dict[str, Any]:
    return {
        "subject": ticket,
        "data": {
            "verdict": verdict,
            "revision": revision,
            "counted": True,
            "recontact": False,
            "dimensions": dict(DIMENSIONS),
            **data,
        },
    }


def test_the_last_fact_of_a_ticket_holds() -> None:
    facts = [fact("T1"), fact("T2"), fact("T1", "candidate", 2, recontact=True)]
    last = last_revisions(facts)
    assert list(last) == ["T1", "T2"]
    assert last["T1"]["data"]["verdict"] == "candidate"


def test_a_fact_of_revision_0_keeps_what_was_known_of_its_ticket() -> None:
    before = fact("T1", "candidate", 3, recontact=True)
    without_receipt = fact("T1", "excluded", 0, dimensions={"leaf": None})
    held = last_revisions([before, without_receipt])["T1"]["data"]
    assert (held["verdict"], held["revision"]) == ("excluded", 0)
    assert held["dimensions"] == DIMENSIONS
    assert held["recontact"] is True


def test_what_a_fact_of_revision_0_does_say_holds() -> None:
    facts = [fact("T1"), fact("T1", revision=0, counted=False, dimensions={"leaf": "lamp"})]
    held = last_revisions(facts)["T1"]["data"]
    assert held["dimensions"] == {**DIMENSIONS, "leaf": "lamp"}
    assert held["counted"] is False


def test_a_mark_without_the_receipt_does_not_count_a_ticket_that_was_not_counted() -> None:
    facts = [fact("T1", counted=False), fact("T1", "confirmed", 0, dimensions={})]
    assert repeat_counts(last_revisions(facts).values())["total"]["complaints"] == 0


def test_two_facts_of_revision_0_in_a_row_keep_it_as_well() -> None:
    marked = [fact("T1", "excluded", 0, dimensions={}), fact("T1", "confirmed", 0, dimensions={})]
    held = last_revisions([fact("T1", recontact=True), *marked])["T1"]["data"]
    assert (held["verdict"], held["recontact"]) == ("confirmed", True)
    assert held["dimensions"] == DIMENSIONS


def test_a_lone_fact_of_revision_0_stands_as_it_is() -> None:
    lone = fact("T1", "excluded", 0, dimensions={})
    assert last_revisions([lone])["T1"] is lone
    assert repeat_counts([lone])["by_month"]["unknown"]["complaints"] == 1


@pytest.mark.parametrize(
    ("verdict", "recontact", "net", "raw"),
    [
        ("new", False, 0.0, 0.0),
        ("candidate", True, 1.0, 1.0),
        ("confirmed", True, 1.0, 1.0),
        ("excluded", True, 0.0, 1.0),
        ("overturned", True, 0.0, 1.0),
    ],
)
def test_R16_exclusions_leave_the_net_rate_but_not_the_raw_one(
    verdict: str, recontact: bool, net: float, raw: float
) -> None:
    counted = repeat_counts([fact("T1", verdict, recontact=recontact)])
    for part in (counted["total"], counted["by_leaf"]["noise"], counted["by_department"]["D1"]):
        assert (part["repeat_rate"], part["recontact_rate"]) == (net, raw)


def test_R16_no_rate_without_a_denominator() -> None:
    total = repeat_counts([fact("T1", counted=False)])["total"]
    assert (total["complaints"], total["repeat_rate"], total["recontact_rate"]) == (0, None, None)
