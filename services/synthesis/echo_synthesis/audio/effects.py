"""Effects on samples before encoding: pitch and volume."""

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.audio.pitch import Pitch


def amplify(samples: NDArray[np.float32], volume: float) -> NDArray[np.float32]:
    """Return `samples` times `volume`; the limiter of every encoder reduces peaks beyond full scale."""
    return samples if volume == 1.0 else (samples * np.float32(volume)).astype(np.float32, copy=False)


class Effects:
    """Streaming pitch and volume effects, applied in this order. The output has as many samples as the input."""

    def __init__(self, rate: int, *, pitch: float = 1.0, volume: float = 1.0) -> None:
        self._pitch = None if pitch == 1.0 else Pitch(rate, pitch)
        self._volume = volume

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Process any number of samples and return the output available so far."""
        return amplify(samples if self._pitch is None else self._pitch.feed(samples), self._volume)

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        return np.zeros(0, np.float32) if self._pitch is None else amplify(self._pitch.close(), self._volume)
