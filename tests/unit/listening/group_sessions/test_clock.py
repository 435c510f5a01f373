"""The session clock: offsets by round trips, and steps of the clock of the database server."""

import random

import pytest

from echo_listening.domain.clock_offset import ClockOffset, ClockSample
from echo_listening.domain.session_clock import ClockSteps, StepDetector


def sample(offset: float, there: float, back: float, sent: float = 1_000.0) -> ClockSample:
    received = sent + offset + there
    return ClockSample(sent=sent, received=received, answered=received + 2, returned=sent + there + 2 + back)


def test_the_offset_is_exact_if_both_ways_take_the_same_time() -> None:
    assert sample(-4_321, 60, 60).offset == -4_321
    assert sample(-4_321, 60, 60).round_trip == 120


def test_the_error_is_at_most_half_of_the_round_trip() -> None:
    chance = random.Random(1)
    for _ in range(500):
        found = sample(5_000, chance.uniform(0, 300), chance.uniform(0, 300))
        assert abs(found.offset - 5_000) <= found.round_trip / 2 + 1e-6


def test_the_shortest_of_the_last_eight_round_trips_counts() -> None:
    offset = ClockOffset()
    values = [offset.value]
    offset.add(sample(100, 10, 10))
    offset.add(sample(100, 400, 10))
    values.append(offset.value)
    for _ in range(8):
        offset.add(sample(300, 50, 50))
    values.append(offset.value)
    offset.clear()
    values.append(offset.value)

    assert values == [None, 100, 300, None]


def test_a_time_of_an_earlier_clock_is_moved_by_the_steps_since() -> None:
    steps = ClockSteps([500, -2_000, 30])
    assert [steps.moved(10_000, number) for number in range(4)] == [8_530, 8_030, 10_030, 10_000]


def test_three_round_trips_that_deviate_alike_are_a_step() -> None:
    detector = StepDetector()
    assert [detector.add(0, 2, deviation) for deviation in (500, 502, 501)] == [None, None, 501]
    assert detector.add(0, 2, 500) is None


@pytest.mark.parametrize("deviations", [(20, 20, 20), (500, 500, 3), (500, -500, 500), (60, 60, 60)])
def test_slow_or_uncertain_round_trips_are_no_step(deviations: tuple[float, ...]) -> None:
    detector = StepDetector()
    assert [detector.add(0, 100, deviation) for deviation in deviations] == [None, None, None]
