"""Samples of streams."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
"""Sample rate of all streams in Hz."""
CHANNELS: Final = 2

Samples = NDArray[np.float32]
"""Samples in the shape (channels, samples), at `RATE` if they are decoded."""
