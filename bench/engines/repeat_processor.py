"""«repeat» as a processor of the project: the same rule, in the project's own terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import ValidationError

from bench import workload
from bench.workload import Ticket
from policy.bundle import Policy
from runtime.processor import Decision, Effect, Processor, Record, Unreadable
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Chain:
    """The tickets of one citizen on one leaf in the window."""

    tickets: workload.Chain = ()
    wake_at: datetime | None = None
    """Never: the workload has no timers."""


class Repeat(Processor[Chain, Ticket]):
    """Validate from bytes, prune, append, say new or repeat."""

    output: ClassVar[Topic]
    state_type = Chain

    def decode(self, record: Record) -> Ticket:
        try:
            return workload.parse(record.value or b"")
        except ValidationError as error:
            raise Unreadable("invalid", str(error)) from error

    def recorded_at(self, event: Ticket, record: Record) -> datetime:
        return event.occurred_at

    def subject(self, event: Ticket) -> str:
        return event.ticket_id

    def keys(self, event: Ticket, policy: Policy) -> tuple[str, ...]:
        return (workload.state_key(event),)

    def decide(
        self, states: Mapping[str, Chain | None], event: Ticket, now: datetime, policy: Policy
    ) -> Decision[Chain]:
        key = workload.state_key(event)
        state = states[key]
        tickets, verdict = workload.advance(state.tickets if state else (), event)
        return Decision(
            states={key: Chain(tickets)},
            effects=(Effect(self.output, key=event.citizen, value=verdict.to_bytes()),),
        )


def repeat(
    *, name: str, input_topic: str, output_topic: str, base: type[Repeat] = Repeat
) -> Repeat:
    """The processor under a name and on topics of one run."""
    source = Topic(input_topic, key="citizen", doc="Tickets of the benchmark.")
    sink = Topic(output_topic, key="citizen", doc="Verdicts of the benchmark.")
    members = {"name": name, "inputs": (source,), "outputs": (sink,), "output": sink}
    processor = type(name, (base,), members)()
    assert isinstance(processor, Repeat)
    return processor
