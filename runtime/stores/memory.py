"""A dict. Starts empty, so that each start recovers from the whole changelog."""

from collections.abc import Iterator, Mapping


class MemoryStore:
    """See ``Store``."""

    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._offset: int | None = None
        self._bytes = 0

    @property
    def offset(self) -> int | None:
        return self._offset

    @property
    def key_count(self) -> int:
        return len(self._states)

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def get(self, key: str) -> bytes | None:
        return self._states.get(key)

    def apply(self, changes: Mapping[str, bytes | None], offset: int) -> None:
        if self._offset is not None and offset < self._offset:
            raise ValueError(f"changelog position {offset} is before {self._offset}")
        for key, value in changes.items():
            before = self._states.get(key)
            size = len(key.encode())
            if before is not None:
                self._bytes -= size + len(before)
            if value is None:
                self._states.pop(key, None)
            else:
                self._states[key] = value
                self._bytes += size + len(value)
        self._offset = offset

    def items(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._states.items())

    def caught_up(self) -> None:
        """Nothing outlives the process."""

    def close(self) -> None:
        """Nothing is held."""
