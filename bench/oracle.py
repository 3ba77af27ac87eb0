"""The right answers of «repeat», worked out without any engine and without the engines' code.

Where ``workload.advance`` keeps a pruned window, this keeps every ticket of a chain for ever and
looks the window up by bisection, so that the two cannot share a mistake of pruning.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import orjson

WINDOW_SECONDS = 90 * 86_400

Answer = tuple[str, int, str]
"""(verdict, chain length, first ticket)."""


def answers(tickets: Iterable[tuple[bytes, bytes]]) -> dict[str, Answer]:
    """The answer per event id."""
    times: dict[tuple[str, str], list[float]] = {}
    names: dict[tuple[str, str], list[str]] = {}
    expected: dict[str, Answer] = {}
    for _, value in tickets:
        ticket = orjson.loads(value)
        chain = ticket["citizen"], ticket["leaf"]
        at = datetime.fromisoformat(ticket["occurred_at"]).timestamp()
        times.setdefault(chain, []).append(at)
        names.setdefault(chain, []).append(ticket["ticket_id"])
        first = bisect_right(times[chain], at - WINDOW_SECONDS)
        length = len(times[chain]) - first
        verdict = "repeat" if length > 1 else "new"
        expected[ticket["event_id"]] = verdict, length, names[chain][first]
    return expected


@dataclass(slots=True)
class Check:
    """How an engine's output compares with the oracle."""

    expected: int
    outputs: int = 0
    repeats: int = 0
    wrong: int = 0
    doubled: int = 0
    missing: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """One right output for every input, nothing else."""
        return not (self.wrong or self.doubled or self.missing) and self.outputs == self.expected

    @property
    def sound(self) -> bool:
        """Nothing wrong and nothing doubled; a run that was cut short may miss the rest."""
        return not (self.wrong or self.doubled)

    def __str__(self) -> str:
        if self.exact:
            return "exact"
        parts = {"wrong": self.wrong, "doubled": self.doubled, "missing": self.missing}
        return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)


async def check(outputs: AsyncIterator[bytes], expected: dict[str, Answer]) -> Check:
    """Compares what consumers of the output topic can see with the oracle."""
    result = Check(expected=len(expected))
    seen: Counter[str] = Counter()
    async for value in outputs:
        output = orjson.loads(value)
        event_id = output["event_id"]
        answer = output["verdict"], output["chain_length"], output["first_ticket"]
        result.outputs += 1
        result.repeats += output["verdict"] == "repeat"
        seen[event_id] += 1
        if expected.get(event_id) != answer:
            result.wrong += 1
            if len(result.examples) < 3:
                result.examples.append(f"{event_id}: {answer} instead of {expected.get(event_id)}")
    result.doubled = sum(count - 1 for count in seen.values())
    result.missing = sum(event_id not in seen for event_id in expected)
    return result
