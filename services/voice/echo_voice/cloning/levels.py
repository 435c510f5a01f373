"""Level of speech, and its normalisation before it is embedded."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_LEVEL = -25.0
"""Level that speech is normalised to, in dBFS."""


def level(samples: Floats) -> float:
    """Measure the root mean square in dBFS."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def gain(samples: Floats) -> np.float32:
    """Return the factor that normalises the level."""
    return np.float32(10 ** ((_LEVEL - level(samples)) / 20))


def normalise(samples: Floats) -> Floats:
    """Amplify speech to the level at which voices are compared."""
    return samples * gain(samples)
