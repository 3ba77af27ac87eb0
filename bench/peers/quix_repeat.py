"""Quix Streams, exactly once, commits every 100 ms. State per citizen and leaf, in RocksDB.

Runs in an environment of its own (requirements.txt), never in the project's.
"""

from quixstreams import Application, State  # type: ignore[import-not-found,unused-ignore]

from bench.contract import Orders, announce
from bench.workload import Ticket, advance, parse

orders = Orders.from_environ()
app = Application(
    broker_address=orders.bootstrap,
    consumer_group=orders.group,
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=0.1,
    state_dir=orders.state_dir,
    loglevel="WARNING",
    producer_extra_config={
        "compression.type": "lz4",
        "linger.ms": 5,
        "queue.buffering.max.messages": 500_000,
    },
)


def decode(value: bytes) -> Ticket:
    announce()
    return parse(value)


def detect(ticket: Ticket, state: State) -> bytes:
    """Quix keeps state by message key, the citizen; within it, one entry per leaf."""
    chain, verdict = advance(state.get(ticket.leaf, []), ticket)
    state.set(ticket.leaf, chain)
    return verdict.to_bytes()


tickets = app.topic(orders.input, key_deserializer="str", value_deserializer="bytes")
verdicts = app.topic(orders.output, key_serializer="str", value_serializer="bytes")
app.dataframe(tickets).apply(decode).apply(detect, stateful=True).to_topic(verdicts)

if __name__ == "__main__":
    app.run()
