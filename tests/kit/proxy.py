"""A TCP proxy that reads Kafka's frames: it loses answers, delays, and swallows everything.

Each request has a size, an API key, a version and a correlation id in front; each answer a size and
the correlation id. That is all that is read.
"""

import asyncio
import contextlib
import random
import struct
import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from deploy.local.process import free_port

PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN, TXN_OFFSET_COMMIT = 0, 22, 24, 26, 28
NAMES = {
    PRODUCE: "Produce",
    INIT_PRODUCER_ID: "InitProducerId",
    ADD_PARTITIONS: "AddPartitionsToTxn",
    END_TXN: "EndTxn",
    TXN_OFFSET_COMMIT: "TxnOffsetCommit",
}
HOLE_POLL_S = 0.05
START_S = 10.0


@dataclass
class Loss:
    """How answers of an API are lost: the request has arrived, the client never learns."""

    chance: float
    most: int
    swallow: bool
    """Keep the connection and say nothing (the client runs into its time-out); else cut it."""


@dataclass
class Proxy:
    """Listens on ``port`` and passes on to ``target``. Settings may be changed while it runs."""

    target: int
    rng: random.Random
    port: int = field(default_factory=free_port)
    losses: dict[int, Loss] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    delay_s: float = 0.0
    hole: bool = False
    """Nothing passes, in either direction; what was sent waits, as TCP would send it again."""

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        self._stopped = asyncio.Event()

    def start(self) -> "Proxy":
        self._thread.start()
        assert self._up.wait(START_S), "the proxy did not start"
        return self

    def stop(self) -> None:
        """Cuts every connection."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(START_S)

    def lose(self, *keys: int, chance: float, most: int, swallow: bool = False) -> None:
        """Lose answers of these APIs from now on."""
        for key in keys:
            self.losses[key] = Loss(chance, most, swallow)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self._up.set()
        await self._stopped.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        asked: deque[tuple[int, int]] = deque()
        ways = (
            asyncio.create_task(self._requests(reader, behind[1], asked)),
            asyncio.create_task(self._answers(behind[0], writer, asked)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, behind[1]):
                end.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: deque[tuple[int, int]],
    ) -> None:
        while (frame := await _frame(reader)) is not None:
            key, _, correlation = struct.unpack_from(">hhi", frame)
            asked.append((correlation, key))
            await self._pass(writer, frame)

    async def _answers(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: deque[tuple[int, int]],
    ) -> None:
        while (frame := await _frame(reader)) is not None:
            (correlation,) = struct.unpack_from(">i", frame)
            while asked and asked[0][0] != correlation:
                asked.popleft()  # A Produce with acks=0 has no answer.
            key = asked.popleft()[1] if asked else -1
            loss = self.losses.get(key)
            if loss is not None and loss.most > 0 and self.rng.random() < loss.chance:
                loss.most -= 1
                self.lost[NAMES[key]] += 1
                if not loss.swallow:
                    return
                continue
            await self._pass(writer, frame)

    async def _pass(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        while self.hole:  # noqa: ASYNC110 (set from another thread)
            await asyncio.sleep(HOLE_POLL_S)
        writer.write(struct.pack(">i", len(frame)) + frame)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame without its size; None when the other side has gone."""
    try:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        return None
