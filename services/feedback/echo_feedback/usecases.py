"""Use cases of the feedback service; none yet."""
