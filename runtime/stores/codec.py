"""A state as bytes: the JSON array ``[version, wake_at in ms or null, state]``.

The due instant stands in front, so that recovery fills the due index without decoding states. A
state that says which version of the policy it was reckoned under has that in front as well:
``[version, wake_at in ms or null, policy, state]``; what was written before it did is still read.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from runtime.errors import StateUnreadable


class _Wakes(Protocol):
    @property
    def wake_at(self) -> datetime | None: ...


S = TypeVar("S", bound=_Wakes)

Upgrade = Callable[[bytes, int], bytes]
"""A processor's ``upgrade``: the state's JSON and its version, to the JSON of the current one."""

UNSAID: Final = "?"
"""A version that no policy has."""
PEEKED: Final = 256
"""Bytes that hold what stands before the state: the names in a version have 64 characters each."""
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
        self.restated = hasattr(state_type, "policy")
        """Whether the state says which version of the policy it was reckoned under."""
        self._encode = msgspec.json.Encoder().encode
        # Built at run time, so opaque to the type checker.
        plain: Any = tuple[int, int | None, state_type]  # type: ignore[valid-type]
        named: Any = tuple[int, int | None, str | None, state_type]  # type: ignore[valid-type]
        self._plain: msgspec.json.Decoder[tuple[Any, ...]] = msgspec.json.Decoder(plain)
        self._named: msgspec.json.Decoder[tuple[Any, ...]] = msgspec.json.Decoder(named)
        self._parts = msgspec.json.Decoder(tuple[int, int | None, msgspec.Raw])
        self._named_parts = msgspec.json.Decoder(tuple[int, int | None, str | None, msgspec.Raw])
        self._state: msgspec.json.Decoder[S] = msgspec.json.Decoder(state_type)

    def encode(self, state: S) -> bytes:
        """The state with its version and due instant, and the policy's version if it has one."""
        if self.restated:
            policy = state.policy  # type: ignore[attr-defined]
            return self._encode((self.version, wake_ms(state.wake_at), policy, state))
        return self._encode((self.version, wake_ms(state.wake_at), state))

    @staticmethod
    def peek_wake(data: bytes) -> int | None:
        """The due instant in milliseconds, from the first bytes alone."""
        due = data[:64].split(b",", 2)[1]
        return None if due == b"null" else int(due)

    def peek_policy(self, data: bytes) -> str | None:
        """The version of the policy it was reckoned under, from the first bytes alone.

        ``UNSAID`` of a state that was written when its type did not say so yet.
        """
        third = _third(data)
        if third == b"null":
            return None
        return third[1:-1].decode() if _names_policy(third) else UNSAID

    def decode(self, data: bytes, *, upgrade: Upgrade) -> S:
        """The state, brought to the current version by ``upgrade`` if an older one wrote it.

        Raises:
            StateUnreadable: a newer version wrote it, or it does not fit the state type.
        """
        version = -1
        try:
            version = int(data[1 : data.index(b",")])
            if version > self.version:
                raise StateUnreadable(version, self.version, "written by a newer version")
            named = self.restated and _names_policy(_third(data))
            if version == self.version:
                state: S = (self._named if named else self._plain).decode(data)[-1]
                return state
            raw = (self._named_parts if named else self._parts).decode(data)[-1]
            return self._state.decode(upgrade(bytes(raw), version))
        except (msgspec.MsgspecError, ValueError) as unfit:
            raise StateUnreadable(version, self.version, str(unfit)) from unfit


def _third(data: bytes) -> bytes:
    """The third element of a record, where it holds no comma."""
    elements = data[:PEEKED].split(b",", 3)
    return elements[2] if len(elements) > 2 else b""


def _names_policy(third: bytes) -> bool:
    """Whether the third element of a record is the version of a policy; a state is no string."""
    return third.startswith((b'"', b"null"))
