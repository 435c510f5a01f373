"""Aggregates of voice: none yet."""
