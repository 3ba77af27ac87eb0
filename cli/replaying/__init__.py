"""Replay of recorded events, in memory or through real Kafka: the same facts."""
