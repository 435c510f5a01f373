"""Gradient descent over the parts of a voice, with a state that can be saved."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_MOMENTUM, _SMOOTHING = 0.9, 0.98
_SLOWER_AFTER, _SLOWER = 0.6, 0.4


@dataclass(frozen=True, slots=True)
class Moments:
    """Offsets from the start and the moments of their gradient: the state of Adam (Kingma, Ba 2015)."""

    offset: Floats
    first: Floats
    second: Floats

    @classmethod
    def zeros(cls, size: int) -> "Moments":
        """Return the state before the first step."""
        return cls(*(np.zeros(size, np.float32) for _ in range(3)))

    def descend(self, gradient: Floats, step: int, rate: Floats | float) -> "Moments":
        """Return the state after a step, counted from 1."""
        first = _MOMENTUM * self.first + (1 - _MOMENTUM) * gradient
        second = _SMOOTHING * self.second + (1 - _SMOOTHING) * gradient**2
        direction = first / (1 - _MOMENTUM**step) / (np.sqrt(second / (1 - _SMOOTHING**step)) + 1e-8)
        return replace(self, offset=(self.offset - rate * direction).astype(np.float32), first=first, second=second)


def rate_of(step: int, steps: int, rate: float) -> float:
    """Return the step size: smaller for the last steps, so that they settle."""
    return rate if step <= _SLOWER_AFTER * steps else _SLOWER * rate
