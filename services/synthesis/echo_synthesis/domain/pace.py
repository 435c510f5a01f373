"""How long the rest of a text will take."""

from collections.abc import Callable


class Pace:
    """Judges by what was spoken so far; sentences that were there already tell nothing."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds = 0.0
        self._characters = 0

    def spoken(self, characters: int, *, cached: bool) -> None:
        """Another unit is there."""
        moment = self._clock()
        if not cached:
            self._seconds += moment - self._last
            self._characters += characters
        self._last = moment

    def seconds_left(self, characters: int) -> float | None:
        """Seconds for so many characters more; None while nothing is known."""
        return round(self._seconds / self._characters * characters, 1) if self._characters else None
