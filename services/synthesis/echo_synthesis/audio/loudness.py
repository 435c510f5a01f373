"""Levelling of sentences."""

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.loudness import measure_loudness

USUAL = -20.0
"""Target loudness of all voices, in LUFS."""

_SHARE = 0.75
_MOST = 6.0
_PEAK = 0.95


def level(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Move a sentence's loudness three quarters of the way to `USUAL`, by at most 6 dB and without clipping.

    The remaining quarter keeps the speaker's dynamics: an exclamation stays louder than an aside.
    """
    found = measure_loudness(samples, rate)
    if found is None:
        return samples
    gain = 10 ** (float(np.clip(_SHARE * (USUAL - found), -_MOST, _MOST)) / 20)
    if gain > 1:
        gain = max(1.0, min(gain, _PEAK / float(np.abs(samples).max())))
    return samples * np.float32(gain)
