"""Tests of delays between attempts."""

from echo_common.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0, jitter=(1, 1))
    assert [backoff.delay(attempt) for attempt in (1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_jitter_shortens_delays_by_up_to_a_half() -> None:
    delays = [Backoff(1.0, 8.0).delay(3) for _ in range(100)]
    assert all(2 <= delay <= 4 for delay in delays)
    assert len(set(delays)) > 1
