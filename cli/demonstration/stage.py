"""The stack of the demo and what passes through it: publish, watch, kill, read back."""

import asyncio
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from cli.demonstration.calling import Desk
from cli.demonstration.ledger import Published, identity_of
from cli.sampling import SampleRecord
from deploy.local.errors import CACHE_VARIABLE, MIRROR_VARIABLE
from deploy.local.stack import TOKENS_FILE, Stack, Wish
from runtime.engine.clients import stop_client
from runtime.engine.scan import scan
from runtime.errors import HotlineError
from runtime.settings import PREFIX, EngineSettings
from schemas.events.commands import COMMANDERS
from schemas.topics import (
    CALLBACKS,
    COMMANDS,
    DEAD_LETTERS,
    INBOX,
    NOTICES,
    REPARTITIONED,
    REPEATS,
    SERVICES,
    SLA,
    TICKETS,
    Topic,
    changelog,
)

READERS: Final = SERVICES[1:]
"""Services that read the log."""
POLL_SECONDS: Final = 0.1
STALL_SECONDS: Final = 90.0
"""Above the session time-out and the recovery of a killed worker, many times."""
KILL_POLL_SECONDS: Final = 0.01
"""Often, so that the worker is still at work when it dies."""
AT_ONCE: Final = 50
"""Records sent before the first of them must be acknowledged."""
TAIL_LINES: Final = 15
PATIENCE: Final = {
    "HOTLINE_SESSION_TIMEOUT_MS": "6000",
    "HOTLINE_HEARTBEAT_INTERVAL_MS": "2000",
}
"""So that a killed worker is missed after 6 s, not 10: somebody is watching."""

Progress = Callable[[int, int], None]
"""Told how many of how many."""


class DemoStalled(HotlineError):
    """The worker made no progress, or ended.

    Operator action: read what its log says last; run the demo again.
    """

    def __init__(self, what: str, log: Path) -> None:
        last = ""
        if log.exists():
            lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            last = "\n" + "\n".join(lines)
        super().__init__("demo_stalled", f"{what}; the end of its log:{last}")


@dataclass(slots=True)
class Read:
    """What the topics hold in the end, by partition."""

    inbox: dict[int, list[Any]] = field(default_factory=dict)
    tickets: dict[int, list[Any]] = field(default_factory=dict)
    repeats: dict[int, list[Any]] = field(default_factory=dict)
    sla: dict[int, list[Any]] = field(default_factory=dict)
    callbacks: dict[int, list[Any]] = field(default_factory=dict)
    commands: dict[int, list[Any]] = field(default_factory=dict)
    notices: dict[int, list[Any]] = field(default_factory=dict)
    letters: dict[int, list[Any]] = field(default_factory=dict)
    changes: dict[str, dict[int, list[Any]]] = field(default_factory=dict)
    """Changelogs by service."""


class Stage:
    """A stack in a directory of its own, with free ports; ``close`` removes all of it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hotline-demo-"))
        self.stack = Stack(self.directory)

    @property
    def worker_home(self) -> Path:
        """Where the worker keeps the key of its pseudonyms."""
        return self.stack.log("worker").parent

    @property
    def settings(self) -> EngineSettings:
        state = self.stack.state
        assert state is not None, "the stack was started"
        return EngineSettings.for_command(
            kafka_bootstrap=self.stack.cluster.bootstrap,
            partitions=state.partitions,
            policy=state.policy,
            key_file=self.stack.environ.get("HOTLINE_KEY_FILE"),
        )

    def open(self, say: Callable[[str], None]) -> None:
        """Start Kafka, PostgreSQL, topics, the worker and HTTP. Raises ``StackError``."""
        on_its_own()
        self.stack.up(Wish(kafka_port=0, postgres_port=0, web_port=0, http_port=0), say)

    def close(self, say: Callable[[str], None]) -> None:
        """Stop everything and remove the directory; harmless if nothing was started."""
        try:
            self.stack.down(wipe=True, say=say)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def kill_worker(self) -> None:
        """SIGKILL: nothing is flushed, no goodbye."""
        state = self.stack.state
        assert state is not None, "the stack was started"
        process = state.workers[0].process
        assert process is not None, "the worker was started"
        process.kill()

    def restart_worker(self, say: Callable[[str], None]) -> None:
        self.stack.up(Wish(), say)

    @property
    def worker_runs(self) -> bool:
        state = self.stack.state
        process = None if state is None else state.workers[0].process
        return process is not None and process.running

    # --- through Kafka -------------------------------------------------------------------------

    def publish(self, records: Sequence[SampleRecord], progress: Progress) -> list[Published]:
        """Put the records into the inbox as they are; the broker says when it took them."""
        return asyncio.run(self._publish(records, progress))

    def publish_and_kill(
        self, records: Sequence[SampleRecord], progress: Progress
    ) -> tuple[list[Published], int]:
        """As ``publish``; the worker dies by SIGKILL on the way, at work.

        Returns what was published, and how many of it intake had committed before it died.
        """
        return asyncio.run(self._publish_and_kill(records, progress))

    async def _publish_and_kill(
        self, records: Sequence[SampleRecord], progress: Progress
    ) -> tuple[list[Published], int]:
        most = 2 * len(records) // 3
        found: list[Published] = []
        sending = asyncio.create_task(
            self._publish(records[:most], lambda done, _: progress(done, len(records)), found)
        )
        settings = self.settings
        admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
        try:
            await admin.start()
            began = time.monotonic()
            while (
                self._taken(found, await self._committed(admin, settings, "intake", INBOX))
                < most // 4
            ):
                if time.monotonic() - began > STALL_SECONDS:
                    raise DemoStalled("intake takes nothing", self._worker_log)
                await asyncio.sleep(KILL_POLL_SECONDS)
            self.kill_worker()
            await sending
            taken = self._taken(found, await self._committed(admin, settings, "intake", INBOX))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await admin.close()
        rest = await self._publish(
            records[most:], lambda done, _: progress(most + done, len(records))
        )
        return found + rest, taken

    async def _publish(
        self,
        records: Sequence[SampleRecord],
        progress: Progress,
        found: list[Published] | None = None,
    ) -> list[Published]:
        found = [] if found is None else found
        settings = self.settings
        inbox = settings.topic(INBOX)
        producer = AIOKafkaProducer(
            **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True
        )
        try:
            await producer.start()
            for start in range(0, len(records), AT_ONCE):
                some = records[start : start + AT_ONCE]
                sent = [await producer.send(inbox, each.value, key=each.key) for each in some]
                for each, where in zip(some, await asyncio.gather(*sent), strict=True):
                    found.append(Published(where.partition, where.offset, each.value))
                progress(len(found), len(records))
        finally:
            await stop_client(producer)
        return found

    def wait_taken(self, published: Sequence[Published], progress: Progress) -> None:
        """Return once intake has committed all of the records."""

        def done(committed: dict[int, int]) -> int:
            return self._taken(published, committed)

        asyncio.run(self._wait("intake", INBOX, done, len(published), progress))

    def wait_judged(self, progress: Progress) -> None:
        """Return once every service has committed all of the log, what dedup hands over, and what
        was commanded: for that comes back by the inbox and lies on the log in the end.
        """
        known = -1
        # What a record causes is committed with it: as long as there are more, wait again.
        while (there := sum(self._wait_read(each, TICKETS, progress) for each in READERS)) != known:
            known = there
            self.wait_taken(self.commanded(), progress)
        for topic in REPARTITIONED["dedup"]:
            known = -1
            while (there := self._wait_read("dedup", topic, progress)) != known:
                known = there

    def commanded(self) -> list[Published]:
        """What our services have put into the inbox."""
        found = asyncio.run(self._scan(INBOX))
        return [
            Published(number, record.offset, record.value)
            for number, mine in found.items()
            for record in mine
            if is_command(record.value or b"")
        ]

    def _wait_read(self, service: str, topic: Topic, progress: Progress) -> int:
        """Return once a service has committed what the topic holds; how many records that is."""
        there = asyncio.run(self._scan(topic))
        wanted = {number: mine[-1].offset + 1 for number, mine in there.items() if mine}

        def done(committed: dict[int, int]) -> int:
            return sum(min(committed.get(number, 0), offset) for number, offset in wanted.items())

        asyncio.run(self._wait(service, topic, done, sum(wanted.values()), progress))
        return sum(map(len, there.values()))

    async def _wait(
        self,
        service: str,
        topic: Topic,
        done: Callable[[dict[int, int]], int],
        until: int,
        progress: Progress,
    ) -> None:
        settings = self.settings
        admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
        try:
            await admin.start()
            before, moved = -1, time.monotonic()
            while True:
                now = done(await self._committed(admin, settings, service, topic))
                progress(now, until)
                if now >= until:
                    return
                if now != before:
                    before, moved = now, time.monotonic()
                if not self.worker_runs:
                    raise DemoStalled(f"the worker ended at {now} of {until}", self._worker_log)
                if time.monotonic() - moved > STALL_SECONDS:
                    raise DemoStalled(
                        f"{service} stands at {now} of {until} for {STALL_SECONDS:g} s",
                        self._worker_log,
                    )
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await admin.close()

    @staticmethod
    async def _committed(
        admin: AIOKafkaAdminClient, settings: EngineSettings, service: str, topic: Topic
    ) -> dict[int, int]:
        """The next offset of a service in each partition of its input."""
        found = await admin.list_consumer_group_offsets(settings.group_id(service))
        return {
            tp.partition: meta.offset
            for tp, meta in found.items()
            if tp.topic == settings.topic(topic)
        }

    @staticmethod
    def _taken(published: Sequence[Published], committed: dict[int, int]) -> int:
        return sum(each.offset < committed.get(each.partition, 0) for each in published)

    @property
    def _worker_log(self) -> Path:
        return self.stack.log("worker")

    def read_facts(self) -> list[Any]:
        """The verdicts as they are now."""
        found = asyncio.run(self._scan(REPEATS))
        return [record for mine in found.values() for record in mine]

    def find(self, name: str) -> Published | None:
        """The event with this id, where it lies in the inbox."""
        quoted = f'"{name}"'.encode()
        for number, mine in asyncio.run(self._scan(INBOX)).items():
            for record in reversed(mine):
                if quoted in (record.value or b""):
                    return Published(number, record.offset, record.value)
        return None

    def desk(self, source: str) -> Desk:
        """An agent's desk and a platform that publishes over HTTP, for as long as the demo runs."""
        state = self.stack.state
        assert state is not None, "the stack was started"
        until = datetime.now(UTC) + timedelta(days=1)
        return Desk(state.server.port, self.directory / TOKENS_FILE, source, until)

    def read(self, services: Sequence[str]) -> Read:
        """All that is there, committed, up to the high-water marks."""

        async def everything() -> Read:
            # Changelogs first: a tick may move a clock on between two readings, never an input.
            changes = {name: await self._scan(changelog(name)) for name in services}
            return Read(
                inbox=await self._scan(INBOX),
                tickets=await self._scan(TICKETS),
                repeats=await self._scan(REPEATS),
                sla=await self._scan(SLA),
                callbacks=await self._scan(CALLBACKS),
                commands=await self._scan(COMMANDS),
                notices=await self._scan(NOTICES),
                letters=await self._scan(DEAD_LETTERS),
                changes=changes,
            )

        return asyncio.run(everything())

    async def _scan(self, topic: Topic) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        await scan(self.settings, topic, lambda record: found[record.partition].append(record))
        return dict(sorted(found.items()))


def is_command(value: bytes) -> bool:
    """Whether a record of the inbox is a command of ours."""
    # Ticks are there by the thousand; and a publisher may have written anything.
    if not any(f'"{source}"'.encode() in value for source in COMMANDERS):
        return False
    identity = identity_of(value)
    return identity is not None and identity.partition(" ")[0] in COMMANDERS


def on_its_own() -> None:
    """Forget settings of another deployment; where downloads come from still holds."""
    for name in list(os.environ):
        if name.startswith(PREFIX) and name not in (CACHE_VARIABLE, MIRROR_VARIABLE):
            del os.environ[name]
    os.environ.update(PATIENCE)
