"""Domain model of the voice service; no I/O."""
