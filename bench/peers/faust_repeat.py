"""Vanilla Faust: an agent and a table, at least once. State per citizen and leaf, in memory.

Settings are those that made it fastest: rarer commits, larger polls, producer linger 20 ms.
"""

import sys
from typing import Any

import faust

from bench.contract import Orders, announce
from bench.workload import advance, parse, state_key

orders = Orders.from_environ()
app = faust.App(
    orders.group,
    broker=f"kafka://{orders.bootstrap}",
    store="memory://",
    datadir=orders.state_dir,
    topic_partitions=int(orders.partitions),
    topic_replication_factor=1,
    topic_disable_leader=True,
    producer_linger=0.02,
    producer_acks=-1,
    producer_max_batch_size=262_144,
    broker_max_poll_records=5_000,
    broker_commit_every=10_000,
    stream_buffer_maxsize=16_384,
    stream_recovery_delay=0.0,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
RAW: dict[str, Any] = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
}
tickets = app.topic(orders.input, **RAW)
verdicts = app.topic(orders.output, **RAW)
chains = app.Table("chains", default=list, partitions=int(orders.partitions))


@app.agent(tickets)  # type: ignore[untyped-decorator,unused-ignore]
async def detect(stream: Any) -> None:
    async for event in stream.events():
        announce()
        ticket = parse(event.value)
        key = state_key(ticket)
        chain, verdict = advance(chains[key], ticket)
        chains[key] = list(chain)
        await verdicts.send(key=event.key, value=verdict.to_bytes())


if __name__ == "__main__":
    # Faust's command starts a web server even with web_enabled=False; its port must be free.
    sys.argv[1:] = ["worker", "--without-web", "--loglevel", "warn"]
    app.main()
