"""Repositories of the feedback service; none yet."""
