"""Tests of the estimate of the remaining time."""

from echo_synthesis.domain import RemainingTimeEstimator


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_remaining_time_is_unknown_at_first() -> None:
    estimator = RemainingTimeEstimator(Clock())
    assert estimator.seconds_left(1_000) is None
    estimator.spoken(500, cached=True)
    assert estimator.seconds_left(500) is None


def test_the_remaining_time_is_proportional_to_characters() -> None:
    clock = Clock()
    estimator = RemainingTimeEstimator(clock)
    clock.now += 2
    estimator.spoken(100, cached=False)
    assert estimator.seconds_left(300) == 6.0


def test_cached_segments_do_not_affect_the_pace() -> None:
    clock = Clock()
    estimator = RemainingTimeEstimator(clock)
    estimator.spoken(10_000, cached=True)
    clock.now += 2
    estimator.spoken(100, cached=False)
    assert estimator.seconds_left(300) == 6.0
