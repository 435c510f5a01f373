"""Whose turn it is."""

from collections.abc import Collection
from time import monotonic

from echo_common.clock import now
from echo_synthesis.repository import Jobs, Turn

FRESH_SECONDS = 0.25
"""For so long who came meanwhile is not looked for."""

_LOOKED_AT = 128


class Waiting:
    """Jobs that wait for a worker, as far as is known here: whether one still waits, its claim will tell."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: list[Turn] = []
        self._looked = 0.0

    def __bool__(self) -> bool:
        return bool(self._known)

    async def take(self, besides: Collection[str]) -> Turn | None:
        """Take the job whose turn it is, of none of the users `besides`; None when there is none. Raises `StoreUnavailableError`."""
        if not self._known or monotonic() - self._looked > FRESH_SECONDS:
            self._looked = monotonic()
            self._known = list(await self._jobs.pending(now(), _LOOKED_AT))
        place = next((place for place, turn in enumerate(self._known) if turn.user_id not in besides), None)
        return None if place is None else self._known.pop(place)

    def forget(self) -> None:
        """Look anew next time."""
        self._known.clear()
