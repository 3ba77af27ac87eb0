"""Measurements: the engine beside its peers, dedup end to end, recovery, the driver."""
