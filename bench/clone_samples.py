"""Recordings of speakers in a LibriSpeech-shaped folder."""

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def read(folder: Path) -> Mapping[str, list[Floats]]:
    """Read the samples of each speaker at 16 kHz."""
    people: dict[str, list[Floats]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg")):
        with av.open(str(path)) as container:
            resampler = av.AudioResampler("flt", "mono", 16_000)
            frames = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            frames += [part.to_ndarray() for part in resampler.resample(None)]
        people.setdefault(path.name.partition("-")[0], []).append(np.concatenate(frames, axis=1)[0].astype(np.float32))
    return people
