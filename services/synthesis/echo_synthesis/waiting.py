"""Selection of the next pending job."""

from collections.abc import Collection
from time import monotonic

from echo_common.clock import now
from echo_synthesis.repository import Jobs, Turn

FRESH_SECONDS = 0.25
"""Seconds for which the candidate list is cached."""

_LOOKED_AT = 128


class Waiting:
    """Cached list of pending jobs. It may be stale: only a claim tells whether a job is still pending."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: list[Turn] = []
        self._looked = 0.0

    def __bool__(self) -> bool:
        return bool(self._known)

    async def take(self, besides: Collection[str]) -> Turn | None:
        """Remove and return the next job of a user not in `besides`; None without one. Raises `StoreUnavailableError`."""
        if not self._known or monotonic() - self._looked > FRESH_SECONDS:
            self._looked = monotonic()
            self._known = list(await self._jobs.pending(now(), _LOOKED_AT))
        place = next((place for place, turn in enumerate(self._known) if turn.user_id not in besides), None)
        return None if place is None else self._known.pop(place)

    def forget(self) -> None:
        """Discard the list, so that the next call reads it again."""
        self._known.clear()
