"""Variation of takes: Kokoro's output is not random, so another take changes its inputs slightly."""

import random
from dataclasses import dataclass

_SPEED_CHANGES = (0.015, 0.04)
"""Smallest and largest relative change of the speed; smaller ones hardly change the sound."""

_STYLE_OFFSETS = (4, 16)
"""Smallest and largest distance from the style of the text's length; distant styles are made for other lengths."""

_SPLIT_EVERY = 3


@dataclass(frozen=True, slots=True)
class Variation:
    """Changes of the inputs: a factor of the speed, rows of the voice's styles, and a division at a pause."""

    speed: float = 1.0
    style_offset: int = 0
    split: bool = False


def vary(take: int) -> Variation:
    """Return the variation of a take, always the same one; take 0 has none, every third take divides the text."""
    if take == 0:
        return Variation()
    choice = random.Random(take)  # noqa: S311 - not for secrets
    speed = 1 + choice.choice((-1, 1)) * choice.uniform(*_SPEED_CHANGES)
    offset = choice.choice((-1, 1)) * choice.randint(*_STYLE_OFFSETS)
    return Variation(speed, offset, take % _SPLIT_EVERY == _SPLIT_EVERY - 1)
