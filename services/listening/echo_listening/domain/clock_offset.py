"""The offset of a distant clock, measured by round trips: of a replica to the database, and of a client to a replica."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

_SAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class ClockSample:
    """A round trip in milliseconds: sent and returned on the own clock, received and answered on the distant one."""

    sent: float
    received: float
    answered: float
    returned: float

    @property
    def offset(self) -> float:
        """The distant clock minus the own one, if both ways take the same time."""
        return ((self.received - self.sent) + (self.answered - self.returned)) / 2

    @property
    def round_trip(self) -> float:
        """The time that the round trip spent on its ways; half of it limits the error of the offset."""
        return (self.returned - self.sent) - (self.answered - self.received)


@dataclass(slots=True)
class ClockOffset:
    """The offset by the shortest of the last eight round trips."""

    _samples: deque[ClockSample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    def add(self, sample: ClockSample) -> None:
        """Add a round trip."""
        self._samples.append(sample)

    def clear(self) -> None:
        """Discard all round trips, because the distant clock has changed."""
        self._samples.clear()

    @property
    def value(self) -> float | None:
        """The offset in milliseconds; None before the first round trip."""
        return min(self._samples, key=lambda sample: sample.round_trip).offset if self._samples else None
