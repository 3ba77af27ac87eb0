"""The clocks of a ticket (时限): started, near, missed, met, and why (R25–R30, R63)."""
