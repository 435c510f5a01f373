"""Takes of Kokoro differ, although its output is not random."""

from echo_synthesis.engines.kokoro.variation import Variation, vary


def test_the_first_take_has_no_variation() -> None:
    assert vary(0) == Variation()


def test_every_take_differs_slightly_and_always_alike() -> None:
    takes = [vary(take) for take in range(1, 100)]
    assert takes == [vary(take) for take in range(1, 100)]
    assert len({(each.speed, each.style_offset) for each in takes}) == len(takes)
    assert all(0.01 < abs(each.speed - 1) < 0.05 and each.style_offset for each in takes)
    assert sum(each.split for each in takes) == 33
