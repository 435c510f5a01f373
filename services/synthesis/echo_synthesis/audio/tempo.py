"""Tempo change at constant pitch, for engines that do not support it."""

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

_SLOWEST = 0.5
"""Minimum factor of FFmpeg's `atempo`; slower tempos chain several filters."""


def change_tempo(samples: NDArray[np.float32], sample_rate: int, speed: float) -> NDArray[np.float32]:
    """Speed up mono float32 samples by the factor `speed`, with WSOLA (FFmpeg's `atempo`)."""
    if abs(speed - 1.0) < 1e-3 or not len(samples):
        return samples
    graph = Graph()
    last = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono")
    for factor in _factors(speed):
        step = graph.add("atempo", f"tempo={factor:.6f}")
        last.link_to(step)
        last = step
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32)[None, :], format="flt", layout="mono")
    frame.sample_rate = sample_rate
    graph.push(frame)
    graph.push(None)
    blocks: list[NDArray[np.float32]] = []
    while True:
        try:
            blocks.append(np.asarray(graph.pull().to_ndarray(), np.float32).ravel())
        except (av.error.BlockingIOError, av.error.EOFError):
            break
    changed: NDArray[np.float32] = np.concatenate([np.zeros(0, np.float32), *blocks])
    return changed


def _factors(speed: float) -> list[float]:
    factors = []
    while speed < _SLOWEST:
        factors.append(_SLOWEST)
        speed /= _SLOWEST
    return [*factors, speed]
