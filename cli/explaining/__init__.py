"""The story of a ticket: what was read becomes sentences (``story``), and sentences are shown."""
