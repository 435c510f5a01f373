"""What voice keeps, and how it may change. Pure: no I/O."""
