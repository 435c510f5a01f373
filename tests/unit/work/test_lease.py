"""Leases that expire by observation."""

from dataclasses import dataclass

import pytest

from echo_common.work.lease import HeldLease, Lease, LeaseObserver

LASTS = 15.0
LOOKS_EVERY = 2.0


@dataclass
class Clock:
    """A monotonic clock that the test advances."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def held(version: int = 1, key: str = "job_1") -> HeldLease:
    return HeldLease(key, version, Lease(worker="wrk_1", seconds=LASTS))


def looks_until_expired(observer: LeaseObserver, clock: Clock, *leases: HeldLease) -> int:
    """How often the observer looks before it finds a lease expired; 100 for never."""
    for looks in range(100):
        if observer.expired(leases):
            return looks
        clock.seconds += LOOKS_EVERY
    return 100


def test_unrenewed_leases_expire_after_being_observed_for_their_duration(clock: Clock) -> None:
    assert looks_until_expired(LeaseObserver(clock), clock, held()) == 8  # 16 s


def test_renewed_leases_never_expire(clock: Clock) -> None:
    observer = LeaseObserver(clock)
    for version in range(100):
        assert not observer.expired([held(version)])
        clock.seconds += LOOKS_EVERY


def test_a_renewal_restarts_the_observation(clock: Clock) -> None:
    observer = LeaseObserver(clock)
    for _ in range(7):
        assert not observer.expired([held(1)])
        clock.seconds += LOOKS_EVERY
    assert looks_until_expired(observer, clock, held(2)) == 8


def test_observation_gaps_do_not_count(clock: Clock) -> None:
    observer = LeaseObserver(clock)
    assert not observer.expired([held()])
    clock.seconds += 3_600  # frozen, or without a database
    assert not observer.expired([held()])
    assert looks_until_expired(observer, clock, held()) == 8


def test_leases_expire_independently(clock: Clock) -> None:
    observer = LeaseObserver(clock)
    expired = set()
    for version in range(20):
        expired |= {lease.key for lease in observer.expired([held(1, "job_dead"), held(version, "job_live")])}
        clock.seconds += LOOKS_EVERY
    assert expired == {"job_dead"}


def test_a_returning_lease_is_observed_from_the_start(clock: Clock) -> None:
    observer = LeaseObserver(clock)
    for _ in range(7):
        assert not observer.expired([held()])
        clock.seconds += LOOKS_EVERY
    assert not observer.expired([])
    assert looks_until_expired(observer, clock, held()) == 8
