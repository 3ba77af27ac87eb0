"""Asking the citizen after a close (回访): when, how often, on which way (R33–R38)."""
