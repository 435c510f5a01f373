"""Another pitch at the same pace: FFmpeg's filters, fed piece by piece without a seam."""

import math

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

_TAIL_SECONDS = 0.2
_WINDOW_SECONDS = 0.032
_WINDOWS_A_SECOND = 24
"""What `atempo` believes about its window; it makes it a power of two."""


class Pitch:
    """Raises (or lowers) the pitch of a stream by a factor from 0.5 to 2; as many samples come out as go in.

    Played faster by the factor, then slowed down by it again with WSOLA (Verhelst and Roelands 1993, FFmpeg's `atempo`), which
    keeps periods whole. Samples are mono float32 at `rate` Hz.
    """

    def __init__(self, rate: int, factor: float) -> None:
        self._rate = rate
        self._graph = graph = av.filter.Graph()
        played = round(rate * factor)
        # told its true rate, atempo smears beginnings over 60 ms; measured, this window halves that and keeps voices as clean
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
        """What is ready so far; some tens of milliseconds are held back."""
        if not len(samples):
            return samples
        self._push(samples)
        self._fed += len(samples)
        ready = self._pull()
        self._given += len(ready)
        return ready

    def close(self) -> NDArray[np.float32]:
        """What was held back. Nothing can be fed afterwards."""
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
