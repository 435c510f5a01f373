"""Domain model of the auth service; no I/O, the time is a parameter."""
