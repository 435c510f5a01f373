"""Streaming sample rate conversion."""

import numpy as np
import soxr
from numpy.typing import NDArray


class Resampler:
    """A streaming converter of mono float32 samples from `source_rate` to `target_rate` in Hz; equal rates cost nothing."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None if source_rate == target_rate else soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32")

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert samples and return the output available so far; the filter holds some milliseconds back."""
        return samples if self._stream is None else self._convert(samples, last=False)

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        return np.zeros(0, np.float32) if self._stream is None else self._convert(np.zeros(0, np.float32), last=True)

    def _convert(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        assert self._stream is not None  # noqa: S101
        converted: NDArray[np.float32] = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        return converted
