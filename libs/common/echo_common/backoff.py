"""Exponential backoff with jitter."""

import random
from dataclasses import dataclass


@dataclass
class Backoff:
    """Delays that double from `first` to `longest` seconds, each shortened by up to a half at random."""

    first: float
    longest: float
    attempts: int = 0

    def pause(self) -> float:
        """Return the delay in seconds before the next attempt."""
        seconds = min(self.first * 2.0**self.attempts, self.longest)
        self.attempts = min(self.attempts + 1, 32)
        return seconds * random.uniform(0.5, 1)  # noqa: S311

    def reset(self) -> None:
        """Start again with the shortest delay."""
        self.attempts = 0
