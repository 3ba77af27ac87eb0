"""What ``hotline callback`` shows: whom to ask, and when people are reached (R36–R38)."""
