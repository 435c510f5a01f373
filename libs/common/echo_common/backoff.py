"""Exponential backoff with jitter."""

import random
from dataclasses import dataclass

from tenacity import RetryCallState


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow from `first` to `longest` seconds by `factor`, each changed at random; a wait strategy of tenacity.

    `jitter` is the range of random factors.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: tuple[float, float] = (0.5, 1.0)

    def delay(self, attempt: int) -> float:
        """Return the delay in seconds after the given failed attempt (1 is the first)."""
        # The exponent is bounded because an outage may last for any number of attempts.
        seconds = min(self.first * self.factor ** min(attempt - 1, 32), self.longest)
        return seconds * random.uniform(*self.jitter)  # noqa: S311

    def __call__(self, state: RetryCallState) -> float:
        """Return the delay in seconds after the attempt that tenacity reports."""
        return self.delay(state.attempt_number)
