"""Domain model of the feedback service; empty so far."""
