"""Limits of the frames of one connection."""

from collections import deque
from dataclasses import dataclass, field

from echo_common.errors import RateLimitedError


@dataclass(slots=True)
class FrameRate:
    """At most `most` frames in `seconds`."""

    most: int
    seconds: float
    _times: deque[float] = field(default_factory=deque)

    def allow(self, time: float) -> bool:
        """Count a frame, unless it is one too many."""
        while self._times and self._times[0] <= time - self.seconds:
            self._times.popleft()
        if len(self._times) >= self.most:
            return False
        self._times.append(time)
        return True

    def require(self, time: float) -> None:
        """Count a frame. Raises `RateLimitedError`."""
        if not self.allow(time):
            raise RateLimitedError(f"Send at most {self.most} frames in {self.seconds:g} s.")
