"""The demo: a sample day through real Kafka, accounted for record by record."""
