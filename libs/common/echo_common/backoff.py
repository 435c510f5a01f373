"""Exponential backoff with jitter."""

import random
from dataclasses import dataclass

from tenacity import RetryCallState


def vary_delay(seconds: float, jitter: tuple[float, float] = (1.0, 1.1)) -> float:
    """Return a delay changed by a random factor of this range, so that many callers do not return at the same moment."""
    return seconds * random.uniform(*jitter)  # noqa: S311


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
        return vary_delay(seconds, self.jitter)

    def __call__(self, state: RetryCallState) -> float:
        """Return the delay in seconds after the attempt that tenacity reports."""
        return self.delay(state.attempt_number)
