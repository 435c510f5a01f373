"""Estimation of the remaining synthesis time."""

from collections.abc import Callable


class RemainingTimeEstimator:
    """Estimator based on the synthesis rate so far; cached segments do not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds = 0.0
        self._characters = 0

    def spoken(self, characters: int, *, cached: bool) -> None:
        """Record a finished segment."""
        moment = self._clock()
        if not cached:
            self._seconds += moment - self._last
            self._characters += characters
        self._last = moment

    def seconds_left(self, characters: int) -> float | None:
        """Return the estimated seconds for `characters` more; None until a segment was synthesised."""
        return round(self._seconds / self._characters * characters, 1) if self._characters else None
