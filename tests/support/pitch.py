"""Median pitch of speech, for tests."""

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.pitch import pitch_contour


def median_pitch(samples: NDArray[np.float32]) -> float | None:
    """Estimate the median fundamental frequency in Hz of speech at 16 kHz; None without voiced speech."""
    contour = pitch_contour(samples)
    return float(np.median(contour[contour > 0])) if contour.any() else None
