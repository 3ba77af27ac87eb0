"""The tasks that are live: a dialler's list, or a person's (R36)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

ENDED: Final = frozenset({"answered", "uncontacted", "cancelled", "waived"})


class Worklist:
    """The last fact of each task is how it stands."""

    def __init__(self) -> None:
        self._last: dict[str, Mapping[str, Any]] = {}

    def take(self, line: bytes) -> None:
        """A fact of ``hotline.callbacks``."""
        fact = orjson.loads(line)
        self._last[fact["data"]["task"]] = fact

    def live(self, *, due_at: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """Those that are not at their end, the earliest first; or those to be called at an
        instant: ordered, and their slot not over."""
        found = [fact for fact in self._last.values() if kind_of(fact) not in ENDED]
        if due_at is not None:
            found = [fact for fact in found if is_due(fact, due_at)]
        return sorted(found, key=lambda fact: (_instant(fact, "due_at"), fact["subject"]))


def kind_of(fact: Mapping[str, Any]) -> str:
    """``due`` of ``hotline.callback_task.due.v1``."""
    return str(fact["type"]).split(".")[2]


def is_due(fact: Mapping[str, Any], at: datetime) -> bool:
    """Whether to ask now."""
    return kind_of(fact) == "due" and _instant(fact, "until") > at


def _instant(fact: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(fact["data"][name])
