"""Mixing of Kokoro voices: the weighted mean of their styles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import MODULATION, VoiceStyle

Floats = NDArray[np.float64]


def mix_styles(styles: Sequence[VoiceStyle], shares: Sequence[float]) -> VoiceStyle:
    """Return the weighted mean of styles; its accent is that of the largest share. `shares` add up to 1.

    The rate is a factor, so its mean is the geometric one.
    """
    weights = np.asarray(shares, np.float64)

    def mean(values: Sequence[float]) -> float:
        return float(weights @ np.asarray(values, np.float64))

    tables = np.stack([style.table for style in styles]).astype(np.float64)
    return VoiceStyle(
        np.tensordot(weights, tables, axes=1).astype(np.float32),
        pitch_scale=mean([style.pitch_scale for style in styles]),
        pitch_shift=mean([style.pitch_shift for style in styles]),
        rate=float(np.exp(mean([float(np.log(style.rate)) for style in styles]))),
        accent=styles[int(np.argmax(weights))].accent,
        modulation=_mix_modulations(styles, weights),
    )


def _mix_modulations(styles: Sequence[VoiceStyle], weights: Floats) -> NDArray[np.float16]:
    """Return the mean of the modulations, of which an empty one is zero; empty if all are."""
    if not any(len(style.modulation) for style in styles):
        return np.zeros(0, np.float16)
    mixed = np.zeros(MODULATION, np.float64)
    for style, weight in zip(styles, weights, strict=True):
        if len(style.modulation):
            mixed += weight * style.modulation.astype(np.float64)
    return mixed.astype(np.float16)
