"""Leases without wall clocks: a lease expires when its holder's document has not changed for the lease's duration."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from pydantic import BaseModel, ConfigDict

_LONGEST_GAP_SECONDS = 5.0


class LeaseLostError(Exception):
    """The attempt no longer holds the lease: the task was cancelled, or the lease expired."""


class Lease(BaseModel):
    """A worker's exclusive claim. It expires when it is not renewed for `seconds`."""

    model_config = ConfigDict(frozen=True)

    worker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease as stored in the database. Every renewal raises `version`, the version of the document that holds the lease."""

    key: str
    version: int
    lease: Lease


@dataclass(slots=True)
class _Observed:
    version: int
    seconds: float = 0.0


class LeaseObserver:
    """Detector of expired leases that observes their versions on this process's monotonic clock.

    No wall clock is stored or compared, so a clock that jumps neither expires a live lease nor keeps a dead one. Time counts
    only while this process observes: after it was suspended, or could not reach the database, it starts to count again, because
    its own renewals and those of other processes may have been delayed too.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._observed: dict[str, _Observed] = {}
        self._observed_at = clock()

    def expired(self, held: Iterable[HeldLease]) -> Sequence[HeldLease]:
        """Return the leases that have expired.

        Args:
            held: All leases held at this moment. Leases that are not in it are dropped from observation.
        """
        elapsed = self._clock() - self._observed_at
        self._observed_at += elapsed
        counted = elapsed if elapsed <= _LONGEST_GAP_SECONDS else 0.0
        observed: dict[str, _Observed] = {}
        expired = []
        for one in held:
            seen = self._observed.get(one.key)
            if seen is None or seen.version != one.version:
                seen = _Observed(one.version)
            else:
                seen.seconds += counted
            observed[one.key] = seen
            if seen.seconds >= one.lease.seconds:
                expired.append(one)
        self._observed = observed
        return expired
