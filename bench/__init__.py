"""Benchmarks of the promised figures: `python -m bench` prints each figure with its reference from the same run."""
