"""Exactly once on Kafka: one transaction per batch, hosted by Faust (docs/decisions)."""
