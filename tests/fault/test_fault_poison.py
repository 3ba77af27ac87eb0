"""F15: what cannot be decided is put aside whole, holds up its own ticket only, and comes back."""

import json
import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.topics import DEAD_LETTERS, INBOX, TICKETS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.feed import New, alarm
from tests.kit.lab import Lab
from tests.kit.ledger import Folded
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import ROOT, SCRIPTS, Worker

TWO_MEGABYTES = 2 * 1024 * 1024
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "of this test"  # noqa: S105


def hotline(lab: Lab, *arguments: str) -> bytes:
    """The real command, as an operator calls it."""
    done = subprocess.run(
        [str(SCRIPTS / "hotline"), *arguments],
        env={**os.environ, **lab.environ},
        cwd=ROOT,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


async def test_F15_poison_on_the_inbox_is_put_aside_and_neighbours_pass(
    lab: Lab, rng: random.Random
) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    good = [feed.receipt(f"G{n}", n, "city.facilities.manhole", at) for n in range(40)]
    valid = json.loads(good[0].value or b"")
    later = {**valid, "id": "v9", "type": "hotline.ticket.received.v9"}
    huge = {**valid, "id": "huge", "data": {**valid["data"], "text": "长" * TWO_MEGABYTES}}
    home = {number: f"H{n}" for n in range(60) for number in [feed.partition_of_text(f"H{n}")]}
    poison = [
        New(b"P1", b'{"specversion": "1.0", "id"', 0),
        New(b"P2", json.dumps(later).encode(), 1),
        New(b"P3", json.dumps(huge).encode()[:TWO_MEGABYTES], 2),
        New(b"P4", None, 3),
        New(b"P5", b"\xff\xfe not text", 0, (("origin", b"\xff"),)),
        New(None, b"[]", 1),
        New(b"\xff\xfe", b'"no object"', 2),
    ]
    # A key that says nothing is no reason to refuse what is readable (the subject decides).
    keyless = [
        New(
            key,
            feed.receipt(home[number], 70 + number, "city.facilities.manhole", at).value,
            number,
        )
        for number, key in ((0, None), (1, b"\xff\xfe"))
    ]
    records = [*good, *poison, *keyless]
    rng.shuffle(records)
    places = dict(zip(map(id, records), await lab.publish(INBOX, records), strict=True))
    intake = lab.worker("intake").start()
    await lab.drained("intake", INBOX)

    log = await lab.ledger.read(TICKETS)
    passed = {msgspec.json.decode(r.value)["subject"] for part in log.values() for r in part}
    assert passed == {*(f"G{n}" for n in range(40)), home[0], home[1]}
    letters = {(each.partition, each.offset): each for each in await lab.ledger.letters()}
    assert len(letters) == len(poison)
    for record in poison:
        letter = letters[places[id(record)]]
        assert (letter.topic, letter.service) == (INBOX.name, "intake")
        assert (letter.key, letter.value) == (record.key, record.value)
        assert letter.headers == record.headers
    assert [letters[places[id(record)]].reason for record in poison] == [
        *("not_json", "unknown_version", "too_large", "null_value"),
        *("not_utf8", "not_cloudevent", "not_cloudevent"),
    ]
    assert intake.metric("hotline_dead_letters_total", service="intake") == len(poison)


async def test_F15_a_rule_that_raises_holds_up_its_ticket_until_it_is_put_back(lab: Lab) -> None:
    """Seven kinds of poison, then «the fix»; what is there in the end is as if nothing had been."""
    at = iter(BEGIN + timedelta(minutes=n) for n in range(10_000))

    def event(number: int, ticket: str, **data: Any) -> New:
        return alarm(number, ticket, next(at), **data)

    big = "x" * TWO_MEGABYTES
    records = [
        event(1, "A"),
        event(2, "B"),
        event(3, "A", boom=True, note=big),
        New(b"B", b'{"id": "3'),
        event(4, "B"),
        event(5, "A"),
        New(b"B", None),
        event(6, "W", wait_s=60, boom_at_wake=True),
        New(None, b"\xff", 2),
        New(b"\xff", b"[1]", 3),
        event(7, "A", boom=True),
        event(8, "B"),
        event(9, "W", cancel=True),
        event(10, "W"),
    ]
    places = await lab.publish(ALARMS_IN, records)
    worker = lab.worker().start(HOTLINE_POISON_MINIMUM="1000")
    await lab.drained("reminders", ALARMS_IN)
    letters = await lab.ledger.letters()
    put_aside = {(letter.partition, letter.offset): letter for letter in letters}
    for index in (2, 3, 5, 6, 8, 9, 10, 12, 13):
        letter = put_aside[places[index]]
        assert (letter.key, letter.value) == (records[index].key, records[index].value), index
    assert len(letters) == 9 + 1, "and the timer of W"
    waiting = [each for each in letters if each.subject == "A"]
    first = f"{ALARMS_IN.name}-{places[2][0]}-{places[2][1]}"
    assert [(each.reason, each.blocked_by) for each in waiting] == [
        *(("rule_raised", None), ("blocked", first), ("blocked", first)),
    ]
    told = await lab.ledger.read(ALARMS_OUT)
    seen = sorted(msgspec.json.decode(r.value)["causationid"] for p in told.values() for r in p)
    assert seen == ["1", "2", "4", "6", "8"]
    await assert_eventually(
        lambda: worker.metric("hotline_quarantined_keys") == 3,
        within=30,
        what="the metric counts A, the timer of W, and W behind it",
    )

    listed = [
        json.loads(line) for line in hotline(lab, "dead-letters", "list", "--json").splitlines()
    ]
    assert len(listed) == 10
    raised = next(each for each in listed if each["ticket"] == "A" and each["attempt"] == 1)
    shown = hotline(lab, "dead-letters", "show", raised["id"], "--value")
    assert shown == records[2].value

    worker.term()
    assert await worker.ended(30) == 0
    worker.start(REMINDERS_FIXED="1")
    await worker.ready()
    for ticket in ("A", "W"):
        command = ("dead-letters", "redrive", "--service", "reminders", "--ticket", ticket)
        assert b"none waits" in hotline(lab, *command)
    assert b"nothing of A waits" in hotline(lab, *command[:-1], "A")
    await lab.publish(ALARMS_IN, [event(11, "A"), event(12, "W")])
    await lab.drained("reminders", ALARMS_IN)
    folded: Folded = await lab.ledger.check_reminders()
    assert [one for _, one in folded.outputs["A"]] == ["1", "3", "5", "7", "11"]
    assert [kind for kind, _ in folded.outputs["W"]] == ["seen", "rang", "seen", "seen", "seen"]


async def test_F15_past_the_ratio_a_partition_stops_says_so_and_goes_on_when_told(
    lab: Lab,
) -> None:
    """A bad deploy must not drain the topic; the other partitions go on."""
    limits = {
        "HOTLINE_POISON_MINIMUM": "20",
        "HOTLINE_POISON_WINDOW": "100",
        "HOTLINE_BATCH_MAX_RECORDS": "10",
        "HOTLINE_CONTROL_TOKEN": TOKEN,
    }
    bad = feed.partition_of_text("bad")
    other = next(f"o{n}" for n in range(99) if feed.partition_of_text(f"o{n}") != bad)
    records = [
        *(alarm(n, "bad", BEGIN) for n in range(10)),
        *(New(b"bad", b"{") for _ in range(50)),
        *(alarm(100 + n, "bad", BEGIN) for n in range(30)),
        *(alarm(200 + n, other, BEGIN) for n in range(100)),
    ]
    await lab.publish(ALARMS_IN, records)
    worker = lab.worker(**limits).start()

    def stopped(worker: Worker) -> str | None:
        told: str | None = worker.partitions("reminders").get(bad, {}).get("stopped")
        return told

    why = await assert_eventually(
        lambda: stopped(worker), within=60, what="the partition stops", unless=worker.died
    )
    assert why.startswith("poison: 20 of the last 30 records")
    await assert_eventually(
        lambda: worker.metric("hotline_poison_stop", partition=str(bad)) == 1,
        within=30,
        what="the metric says so",
    )
    assert "partition.stopped" in worker.log_text()
    await assert_eventually(
        lambda: (
            worker.partitions("reminders")[feed.partition_of_text(other)]["positions"].get(
                ALARMS_IN.name
            )
            == 100
        ),
        within=30,
        what="the other partition goes on",
    )
    assert len(await lab.ledger.letters()) == 20

    # A restart alone does not lift it: the supervisor would do so a thousand times a night.
    worker.kill()
    worker.start()
    await worker.ready()
    assert stopped(worker) == why
    worker.post("/control/resume", TOKEN)
    again = await assert_eventually(
        lambda: (told := stopped(worker)) != why and told, within=30, what="it stops anew"
    )
    assert again == "poison: 20 of the last 20 records"
    assert len(await lab.ledger.letters()) == 40
    worker.post("/control/resume", TOKEN)
    await lab.drained("reminders", ALARMS_IN)
    assert len(await lab.ledger.letters()) == 50
    assert len(await lab.ledger.read(DEAD_LETTERS)) == lab.partitions
    folded = await lab.ledger.check_reminders()
    assert len(folded.inputs) == 140
