"""The position of a client's loudspeaker in a reply."""

import asyncio


class Playback:
    """A model of the loudspeaker: it plays audio as soon as it is sent, without gaps as long as enough was sent.

    A client that reports its position corrects the model. Times are those of a monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self.sent_seconds = 0.0
        self._ends_at = 0.0
        self._stopped_at: float | None = None
        self._reported = asyncio.Event()

    def send(self, seconds: float, now: float) -> None:
        """Take note of audio that is sent."""
        self._ends_at = max(self._ends_at, now) + seconds
        self.sent_seconds += seconds

    def report(self, seconds: float, now: float) -> None:
        """Take note of the client's position."""
        position = min(seconds, self.sent_seconds)
        if self._stopped_at is None:
            self._ends_at = now + self.sent_seconds - position
            return
        self._ends_at = self._stopped_at + self.sent_seconds - position
        self._reported.set()

    def stop(self, now: float) -> None:
        """Take note that the client was told to stop: the position remains, except for a later report."""
        if self._stopped_at is None:
            self._stopped_at = now

    def ahead_seconds(self, now: float) -> float:
        """Return the duration of audio that was sent and not yet played."""
        return max(0.0, self._ends_at - (now if self._stopped_at is None else self._stopped_at))

    def position_seconds(self, now: float) -> float:
        """Return the position."""
        return max(0.0, self.sent_seconds - self.ahead_seconds(now))

    async def final_position_seconds(self, now: float, patience_seconds: float) -> float:
        """Return the position at which the loudspeaker was stopped; wait shortly for the client's report."""
        try:
            async with asyncio.timeout(patience_seconds):
                await self._reported.wait()
        except TimeoutError:
            pass
        return self.position_seconds(now)
