"""Aggregates of feedback: none yet."""
