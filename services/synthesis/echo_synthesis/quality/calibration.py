"""Bounds of the quality gate, measured on the packaged engines; `python -m bench.quality_calibration` measures them again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds for speech of a language.

    `word_error_rate` is the highest share of wrong words, `spare_errors` the number of wrong words that never count; texts of
    fewer than `least_words` are not judged by their words. `slowest` and `fastest` are letters a second at the natural pace.
    """

    word_error_rate: float
    spare_errors: int
    least_words: int
    slowest: float
    fastest: float


CALIBRATED: Final[Mapping[str, Bounds]] = {
    "en": Bounds(word_error_rate=0.3, spare_errors=1, least_words=3, slowest=5.0, fastest=22.0),
}
"""Bounds by language."""

WIDEST_PACE: Final = (1.0, math.inf)
"""Letters a second in languages without measured bounds. The engine boundary refuses speech that is too fast."""

VERSION: Final = "1"
"""Version of the bounds. Raise it when they change: speech that passed earlier ones, or did not, is then spoken again.

Except speech that passed the check of its signal alone.
"""


def find_bounds(language: str) -> Bounds | None:
    """Return the bounds of a language (a BCP-47 tag); None if the gate is not calibrated for it."""
    return CALIBRATED.get(language.partition("-")[0].lower())
