"""How a processor runs: the pure step, the driver, Kafka's transactions, timers, dead letters."""
