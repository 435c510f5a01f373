"""What may be done to samples before they are encoded."""

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.audio.pitch import Pitch

_KNEE = 0.8


def amplify(samples: NDArray[np.float32], volume: float) -> NDArray[np.float32]:
    """`samples` times `volume`, within [-1, 1]: peaks are bent softly above the knee, never cut off or wrapped round."""
    if volume == 1.0:
        return samples
    louder = (samples * np.float32(volume)).astype(np.float32, copy=False)
    if volume < 1.0:
        return louder
    size = np.abs(louder)
    room = 1.0 - _KNEE
    bent = _KNEE + room * np.tanh((size - _KNEE) / room)
    return np.where(size > _KNEE, np.copysign(bent, louder), louder).astype(np.float32, copy=False)


class Effects:
    """What one whole stream of samples goes through, piece by piece: pitch, then volume. As many samples come out as go in."""

    def __init__(self, rate: int, *, pitch: float = 1.0, volume: float = 1.0) -> None:
        self._pitch = None if pitch == 1.0 else Pitch(rate, pitch)
        self._volume = volume

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is ready so far."""
        return amplify(samples if self._pitch is None else self._pitch.feed(samples), self._volume)

    def close(self) -> NDArray[np.float32]:
        """What was held back. Nothing can be fed afterwards."""
        return np.zeros(0, np.float32) if self._pitch is None else amplify(self._pitch.close(), self._volume)
