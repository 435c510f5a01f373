"""The clock of group sessions: the time of the database server, in milliseconds, with the steps it has made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_STEP_MILLISECONDS: Final = 20.0
_SAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class ClockSteps:
    """The steps of the clock in their order; its number is how many there are."""

    steps: Sequence[int] = ()

    @property
    def number(self) -> int:
        """The number of the clock."""
        return len(self.steps)

    def moved(self, at: int, number: int) -> int:
        """Return a time of the clock with an earlier number on this one."""
        return at + sum(self.steps[number:])


@dataclass(slots=True)
class StepDetector:
    """Detects a step of the clock: three round trips in a row that deviate in one direction by more than 20 ms."""

    _deviations: list[float] = field(default_factory=list)

    @property
    def suspicious(self) -> bool:
        """True if the last round trips deviate, but too few for a step."""
        return bool(self._deviations)

    def add(self, offset: float, round_trip: float, measured: float) -> int | None:
        """Add the present offset and that of a new round trip; return the step in milliseconds once it is certain."""
        deviation = measured - offset
        if abs(deviation) <= _STEP_MILLISECONDS + round_trip / 2 or (
            self._deviations and (self._deviations[-1] > 0) != (deviation > 0)
        ):
            self._deviations.clear()
            return None
        self._deviations.append(deviation)
        if len(self._deviations) < _SAMPLES:
            return None
        step = sorted(self._deviations)[_SAMPLES // 2]
        self._deviations.clear()
        return round(step)
