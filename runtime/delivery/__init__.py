"""Fenced delivery of topics into PostgreSQL: rows and position in one transaction (F4, F23, I5).

A service that fills tables gives a ``Sink``; the composition root ``services/<name>/app.py`` has

    def build(settings: EngineSettings) -> Sink: ...

and ``hotline worker <name>`` hosts it (``schemas.topics.DELIVERIES``) in a ``Delivery``: a consumer
group, a *lane* per partition number, and in each lane one batch after the other:

1. claim the lane: raise the epoch of its rows in ``readmodel.positions``, learn the next offsets;
2. read from there;
3. one database transaction a batch: move the positions (only if epoch and offsets are still those
   that we know, else we are fenced), then ``sink.write`` per topic, then commit.

Kafka's committed offsets are for lag tools alone and never read.
"""

from runtime.delivery.sink import Sink

__all__ = ["Sink"]
