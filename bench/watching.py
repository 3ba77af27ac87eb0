"""Notes when each record of a topic becomes readable, on a loop of its own."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from bench import kafka


class Watcher(threading.Thread):
    """A read_committed consumer of all partitions. ``note`` is called on its thread."""

    def __init__(
        self, bootstrap: str, topic: str, note: Callable[[list[Any]], None], *, partitions: int
    ) -> None:
        """
        Args:
            note: gets the records that became readable together, as soon as they are.
        """
        super().__init__(daemon=True, name=f"watcher-{topic}")
        self._broker, self._topic, self._partitions = bootstrap, topic, partitions
        self._note = note
        self._stop_asked = threading.Event()

    def run(self) -> None:
        asyncio.run(self._watch())

    async def _watch(self) -> None:
        consumer = kafka.reader(self._broker)
        await consumer.start()
        try:
            consumer.assign(kafka.partitions_of(self._topic, self._partitions))
            while not self._stop_asked.is_set():
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    self._note(records)
        finally:
            await consumer.stop()

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()
