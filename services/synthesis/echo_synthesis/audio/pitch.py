"""Streaming pitch shifting at constant tempo, with FFmpeg's filters."""

import math

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

_TAIL_SECONDS = 0.2
_WINDOW_SECONDS = 0.032
_WINDOWS_A_SECOND = 24
"""Windows per second that `atempo` assumes; it makes its window a power of two."""


class Pitch:
    """A streaming pitch shifter by a factor from 0.5 to 2; the output has as many samples as the input.

    The audio is sped up by the factor, then slowed down by it with WSOLA (Verhelst and Roelands 1993, FFmpeg's `atempo`), which
    keeps periods intact. Samples are mono float32 at `rate` Hz.
    """

    def __init__(self, rate: int, factor: float) -> None:
        self._rate = rate
        self._graph = graph = av.filter.Graph()
        played = round(rate * factor)
        # at the true rate, atempo smears onsets over 60 ms; as measured, this window halves that at the same voice quality
        window = 2 ** round(math.log2(rate * _WINDOW_SECONDS / max(1.0, factor)))
        chain = [
            graph.add("abuffer", f"sample_rate={rate}:sample_fmt=flt:channel_layout=mono:time_base=1/{rate}"),
            graph.add("asetrate", str(played)),
            graph.add("aresample", f"{rate}:filter_size=64"),
            graph.add("asetrate", str(window * _WINDOWS_A_SECOND)),
            graph.add("atempo", f"{rate / played:.9f}"),
            graph.add("asetrate", str(rate)),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*chain).configure()
        self._fed = self._given = 0

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Process samples and return the output available so far; some tens of milliseconds are held back."""
        if not len(samples):
            return samples
        self._push(samples)
        self._fed += len(samples)
        ready = self._pull()
        self._given += len(ready)
        return ready

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        self._push(np.zeros(round(_TAIL_SECONDS * self._rate), np.float32), last=True)
        rest = self._pull()[: self._fed - self._given]
        return np.pad(rest, (0, self._fed - self._given - len(rest)))

    def _push(self, samples: NDArray[np.float32], *, last: bool = False) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[np.newaxis, :], format="flt", layout="mono")
        frame.sample_rate = self._rate
        self._graph.push(frame)
        if last:
            self._graph.push(None)

    def _pull(self) -> NDArray[np.float32]:
        parts: list[NDArray[np.float32]] = []
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(parts) if parts else np.zeros(0, np.float32)
            parts.append(frame.to_ndarray()[0].copy())
