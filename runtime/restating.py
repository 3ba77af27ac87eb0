"""When a state is reckoned anew because another version of the policy is in force.

A state may say under which version it was last reckoned (``State.policy``). The key is woken once
when another version comes into force, spread over ``Bundle.restate_over``, so that a new calendar
is no herd. What decides is the log's clock, never the wall's: a version that starts at midnight
comes into force where the clock passes midnight, also when that was replayed a year later.

A version can also come into force unseen: a bundle with other content was put in place between two
starts, or a library now knows other holidays. Nothing on the log says so; such a version counts as
in force from the partition's clock at the start that met it first. The task record keeps the list
of what came into force here (``seen``), so that a crash midway changes no due instant.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from policy.bundle import Bundle
from runtime.stores.codec import wake_ms

Came = tuple[int, str]
"""When a version came into force here (ms since 1970), and which (``Policy.version``)."""

KEPT: Final = 32
"""Of what came into force before the present version; each one has woken every key long ago."""


def _first_ms(start: datetime) -> int:
    """The first millisecond in which a version is in force."""
    found = wake_ms(start)
    assert found is not None
    return found


class Schedule:
    """Due instants of a partition's keys, by the version they were last reckoned under.

    No due instant is before its version is in force, so the policy at that instant is a later one
    than that of the state, and a key that was woken is not due again before the next version.
    """

    __slots__ = ("_after_ms", "_else_ms", "_over_ms", "seen", "unknown")

    def __init__(self, bundle: Bundle, *, clock_ms: int = 0, seen: Sequence[Came] = ()) -> None:
        """
        Args:
            clock_ms: of the partition, at its start.
            seen: what the task record says came into force, in order.
        """
        self._over_ms = bundle.restate_over // timedelta(milliseconds=1)
        starts = [(_first_ms(each.effective_from), each.policy.version) for each in bundle.versions]
        present = max((n for n, (start, _) in enumerate(starts) if start <= clock_ms), default=0)
        past = [came for came in seen if came[0] <= clock_ms][-KEPT:]
        version = starts[present][1]
        if not past or past[-1][1] != version:
            past.append((clock_ms, version))
        self.seen: list[Came] = [*past, *starts[present + 1 :]]
        """For the task record."""
        since_ms = {name: at_ms for at_ms, name in past}
        self._else_ms = max(past[-1][0], starts[present][0]) if present else past[-1][0]
        self._after_ms: dict[str, int | None] = {starts[-1][1]: None}
        for number, (_, name) in enumerate(starts[:-1], start=1):
            start_ms, after = starts[number]
            if number <= present:
                start_ms = max(start_ms, since_ms.get(after, clock_ms))
            self._after_ms[name] = start_ms
        self.unknown = False
        """Whether a version was asked for that the bundle does not have."""

    def due_ms(self, key: str, version: str | None) -> int | None:
        """When a key that was reckoned under ``version`` is to be reckoned anew; None: never."""
        if not version:
            return None
        try:
            start_ms = self._after_ms[version]
        except KeyError:
            self.unknown = True
            start_ms = self._else_ms
        if start_ms is None:
            return None
        # Not hash(): the same in every process, and on every Python.
        return start_ms + (crc32(key.encode()) * self._over_ms >> 32)

    def agrees(self, other: "Schedule") -> bool:
        """Whether both give the same due instants of what has been asked so far."""
        return (self._after_ms, self._over_ms) == (other._after_ms, other._over_ms) and (
            not (self.unknown or other.unknown) or self._else_ms == other._else_ms
        )
