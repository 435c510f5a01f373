"""Effects on samples before encoding: pitch, volume and the watermark."""

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.audio.pitch import Pitch
from echo_synthesis.audio.watermark import Watermarker


def amplify(samples: NDArray[np.float32], volume: float) -> NDArray[np.float32]:
    """Return `samples` times `volume`; the limiter of every encoder reduces peaks beyond full scale."""
    return samples if volume == 1.0 else (samples * np.float32(volume)).astype(np.float32, copy=False)


class Effects:
    """Streaming effects, applied in this order: pitch, volume, watermark. The output has as many samples as the input."""

    def __init__(self, rate: int, *, pitch: float = 1.0, volume: float = 1.0, watermarker: Watermarker | None = None) -> None:
        self._pitch = None if pitch == 1.0 else Pitch(rate, pitch)
        self._volume = volume
        self._watermarker = watermarker

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Process any number of samples and return the output available so far."""
        changed = amplify(samples if self._pitch is None else self._pitch.feed(samples), self._volume)
        return changed if self._watermarker is None else self._watermarker.feed(changed)

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        rest = np.zeros(0, np.float32) if self._pitch is None else amplify(self._pitch.close(), self._volume)
        return rest if self._watermarker is None else np.concatenate([self._watermarker.feed(rest), self._watermarker.close()])
