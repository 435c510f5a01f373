"""Audio as decoded by a player."""

import io

import av
import numpy as np
from numpy.typing import NDArray

RAW = {"pcm": "s16le", "mulaw": "mulaw"}


def decode(data: bytes, name: str, rate: int) -> tuple[NDArray[np.float32], int]:
    """Return all samples and their rate; `rate` is needed for formats without a header."""
    options = {"sample_rate": str(rate)} if name in RAW else {}
    with av.open(io.BytesIO(data), "r", format=RAW.get(name), options=options) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), container.streams.audio[0].rate


def seconds(data: bytes, name: str, rate: int) -> float:
    """Return the duration in seconds."""
    samples, heard_rate = decode(data, name, rate)
    return len(samples) / heard_rate
