"""How long the rest will take."""

from echo_synthesis.domain import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_known_before_something_was_spoken() -> None:
    pace = Pace(Clock())
    assert pace.seconds_left(1_000) is None
    pace.spoken(500, cached=True)
    assert pace.seconds_left(500) is None


def test_the_rest_takes_as_long_a_character_as_what_was_spoken() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.now += 2
    pace.spoken(100, cached=False)
    assert pace.seconds_left(300) == 6.0


def test_what_was_there_already_does_not_make_it_look_quicker() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.spoken(10_000, cached=True)
    clock.now += 2
    pace.spoken(100, cached=False)
    assert pace.seconds_left(300) == 6.0
