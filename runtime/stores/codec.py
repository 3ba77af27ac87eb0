"""A state as bytes: the JSON array ``[version, wake_at in ms or null, state]``.

The due instant stands in front, so that recovery fills the due index without decoding states.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from runtime.errors import StateUnreadable


class _Wakes(Protocol):
    @property
    def wake_at(self) -> datetime | None: ...


S = TypeVar("S", bound=_Wakes)

Upgrade = Callable[[bytes, int], bytes]
"""A processor's ``upgrade``: the state's JSON and its version, to the JSON of the current one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def wake_ms(wake_at: datetime | None) -> int | None:
    """The due instant in milliseconds since 1970, rounded up: a timer is never early (I7)."""
    return None if wake_at is None else -((_EPOCH - wake_at) // _MILLISECOND)


def instant(milliseconds: int) -> datetime:
    """The instant (UTC) of milliseconds since 1970, exactly."""
    return _EPOCH + milliseconds * _MILLISECOND


class StateCodec(Generic[S]):
    """Encodes and decodes the states of one processor.

    Args:
        state_type: a frozen slots dataclass of what msgspec knows.
        version: the processor's ``state_version``.
    """

    def __init__(self, state_type: type[S], version: int) -> None:
        self.version = version
        self._encode = msgspec.json.Encoder().encode
        # Built at run time, so opaque to the type checker.
        whole: Any = tuple[int, int | None, state_type]  # type: ignore[valid-type]
        self._whole: msgspec.json.Decoder[tuple[int, int | None, S]] = msgspec.json.Decoder(whole)
        self._parts = msgspec.json.Decoder(tuple[int, int | None, msgspec.Raw])
        self._state: msgspec.json.Decoder[S] = msgspec.json.Decoder(state_type)

    def encode(self, state: S) -> bytes:
        """The state with its version and due instant."""
        return self._encode((self.version, wake_ms(state.wake_at), state))

    @staticmethod
    def peek_wake(data: bytes) -> int | None:
        """The due instant in milliseconds, from the first bytes alone."""
        due = data[:64].split(b",", 2)[1]
        return None if due == b"null" else int(due)

    def decode(self, data: bytes, *, upgrade: Upgrade) -> S:
        """The state, brought to the current version by ``upgrade`` if an older one wrote it.

        Raises:
            StateUnreadable: a newer version wrote it, or it does not fit the state type.
        """
        version = -1
        try:
            version = int(data[1 : data.index(b",")])
            if version == self.version:
                return self._whole.decode(data)[2]
            if version > self.version:
                raise StateUnreadable(version, self.version, "written by a newer version")
            raw = bytes(self._parts.decode(data)[2])
            return self._state.decode(upgrade(raw, version))
        except (msgspec.MsgspecError, ValueError) as unfit:
            raise StateUnreadable(version, self.version, str(unfit)) from unfit
