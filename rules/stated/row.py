"""What a clock and a callback task have in common as rows that facts leave."""

from typing import Self

import msgspec
from msgspec import Struct

_ENCODER = msgspec.json.Encoder()


class Row(Struct, frozen=True):
    """Kept as JSON."""

    def to_json(self) -> bytes:
        return _ENCODER.encode(self)

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """Raises ``msgspec.ValidationError``: the row is not of this code."""
        return msgspec.json.decode(value, type=cls)


def kind_of(type_: str, prefix: str) -> str | None:
    """``started`` of ``hotline.sla.started.v1``; None: a fact of something else."""
    return type_.removeprefix(prefix).partition(".")[0] if type_.startswith(prefix) else None
