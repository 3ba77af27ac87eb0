"""When people are reached, counted from the log: the policy's table of the next version (R38)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from policy.callback import CallbackPolicy
from schemas.events import CallbackAnswered, CallRecorded, parse_event
from services.callback import tally
from services.callback.choosing import wilson_lower
from services.callback.state import Tally

_WORTH_READING = tuple(
    model.model_fields["type"].default.encode() for model in (CallRecorded, CallbackAnswered)
)


@dataclass(frozen=True, slots=True)
class Row:
    """A slot and a channel."""

    slot: str
    channel: str
    reached: int
    tried: int
    lower: float
    """Lower end of the 95 % Wilson interval."""
    in_policy: float | None

    @property
    def share(self) -> float | None:
        return self.reached / self.tried if self.tried else None


class Population:
    """Counts as the service does, citizen by citizen, and adds all of them up."""

    def __init__(self, policy: CallbackPolicy) -> None:
        self._policy = policy
        self._tallies: dict[str, Tally] = {}
        self._newest: datetime | None = None

    def take(self, line: bytes) -> None:
        """A record of the log."""
        if not any(each in line for each in _WORTH_READING):
            return
        try:
            event = parse_event(line)
        except ValidationError:
            return  # the services name it; here it says nothing
        if event.recordedtime is None or not isinstance(event, CallRecorded | CallbackAnswered):
            return
        citizen = event.citizen or event.subject
        known = tally.after(self._tallies.get(citizen), event, event.recordedtime, self._policy)
        if known is not None:
            self._tallies[citizen] = known
        if self._newest is None or event.recordedtime > self._newest:
            self._newest = event.recordedtime

    def rows(self) -> Sequence[Row]:
        """Every slot and channel of the policy, and every one that was tried."""
        found: dict[str, tuple[int, int]] = {
            f"{slot}|{channel}": (0, 0) for slot, channel in self._policy.population
        }
        if self._newest is not None:
            for known in self._tallies.values():
                for name, (reached, tried) in tally.summed(
                    known, self._policy, self._newest
                ).items():
                    got, of = found.get(name, (0, 0))
                    found[name] = (got + reached, of + tried)
        rows = []
        for name, (reached, tried) in found.items():
            slot, _, channel = name.partition("|")
            rows.append(
                Row(
                    *(slot, channel, reached, tried, wilson_lower(reached, tried)),
                    self._policy.population.get((slot, channel)),
                )
            )
        order = [slot for slot, _ in self._policy.slots]
        return sorted(rows, key=lambda row: (row.channel, order.index(row.slot)))


def as_policy(rows: Sequence[Row], at_least: int) -> str:
    """The rows as they stand in ``callback.population``; where too few were tried, as before."""
    lines = ["    value:"]
    for row in rows:
        share = row.share if row.tried >= at_least else row.in_policy
        if share is not None:
            lines.append(
                f"      - {{slot: {row.slot}, channel: {row.channel}, reached: {share:.2f}}}"
            )
    return "\n".join(lines)
