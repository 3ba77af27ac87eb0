"""A sample day of a made-up city's hotline, from a seed, at any size.

``generate(seed, tickets, day)`` gives the records in the order in which they would reach the inbox:
all kinds of events, repeats and what is near to them, late, doubled and bad records.
"""

from cli.sampling.generator import SampleRecord, generate
from cli.sampling.kinds import BAD_KINDS, GOOD_KINDS, Kind

__all__ = ["BAD_KINDS", "GOOD_KINDS", "Kind", "SampleRecord", "generate"]
