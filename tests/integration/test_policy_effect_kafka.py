"""A dry run against the changelog of a running service says what its restart then does."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.policy import policy
from deploy.local.broker import Cluster
from policy.bundle import load
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.kit.assertions import assert_eventually
from tests.kit.feed import New
from tests.kit.lab import Lab
from tests.kit.typhoon import END, NAME, START, TICKETS_MADE, bundles, history

PARTITIONS = 2
BOUND_S = 60.0
COUNTED = ("said", "moved", "withdrawn", "breached", "tickets", "by_target", "by_department")


async def told(lab: Lab, *words: str) -> dict[str, Any]:
    """``hotline policy effect … --json``."""
    environ = {name: value for name, value in lab.environ.items() if name != "HOTLINE_POLICY"}
    done = await asyncio.to_thread(
        CliRunner().invoke, policy, ["effect", *words, "--json"], env=environ
    )
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_the_dry_run_on_the_changelog_says_what_the_restart_then_does(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]], tmp_path: Path
) -> None:
    make_topics(topic_prefix, partitions=PARTITIONS, services=("sla",))
    lab = Lab(kafka.bootstrap, topic_prefix, tmp_path, partitions=PARTITIONS)
    before, after = bundles(tmp_path)
    worker = lab.worker("sla")

    async def stated(kind: str) -> int:
        read = await lab.ledger.read(SLA)
        wanted = f'"type":"hotline.sla.{kind}.v1"'.encode()
        return sum(wanted in record.value for records in read.values() for record in records)

    try:
        await worker.start(HOTLINE_POLICY=str(before)).ready()
        events = [New((event.citizen or "").encode(), to_bytes(event)) for event in history()]
        await lab.publish(TICKETS, events)
        await lab.drained("sla", TICKETS)
        await lab.clock.say(END)

        async def overdue_are_stated() -> bool:
            return await stated("breached") == breaches

        breaches = _breaches_until_then(before)
        await assert_eventually(
            overdue_are_stated, within=BOUND_S, what="all before is stated", unless=worker.died
        )
        dry = await told(lab, str(after), "--policy", str(before), "--at", START)
        assert (dry["at"], dry["states"]) == (START, TICKETS_MADE)
        assert dry["withdrawn"] > 0
        assert dry["breached"] > 0

        worker.kill()
        await worker.start(HOTLINE_POLICY=str(after)).ready()
        new = load(after)
        await lab.clock.say(new.versions[-1].effective_from + new.restate_over)

        async def all_moved() -> bool:
            so_far = await told(lab, "--since", NAME, "--policy", str(after))
            return int(so_far["tickets"]) >= int(dry["tickets"])

        await assert_eventually(
            all_moved, within=BOUND_S, what="the version has been reckoned", unless=worker.died
        )
        then = await told(lab, "--since", NAME, "--policy", str(after))
        assert {name: then[name] for name in COUNTED} == {name: dry[name] for name in COUNTED}
    finally:
        lab.kill_all()


def _breaches_until_then(bundle: Path) -> int:
    """How many the driver states of the same history."""
    written: list[Written] = []
    driver = Driver([Sla()], load(bundle), written.append)
    driver.run(
        (
            Record(TICKETS, 0, offset, b"c", to_bytes(event), to_ms(event.recordedtime))
            for offset, event in enumerate(history())
            if event.recordedtime is not None
        ),
        until=END,
    )
    return sum(b"hotline.sla.breached.v1" in (each.value or b"") for each in written)
