"""The entrance of intake over HTTP: ``POST /v1/events`` beside the Kafka inbox (R1, R61)."""
