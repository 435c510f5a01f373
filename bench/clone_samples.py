"""Recordings of speakers in a LibriSpeech-shaped folder, and their form after the processing of the voice service."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from echo_common.audio.loudness import measure_loudness
from echo_voice.analysis.measure import find_speech, level, trim
from echo_voice.cloning.prosody import measure_rhythm
from echo_voice.domain.rhythm import Rhythm

Floats = NDArray[np.float32]
_RATE = 16_000


@dataclass(frozen=True, slots=True)
class Processed:
    """A sample at 16 kHz with shortened pauses and normalised loudness, and the rhythm of its original."""

    samples: Floats
    rhythm: Rhythm | None


def read(folder: Path) -> Mapping[str, list[Floats]]:
    """Read the samples of each speaker at 16 kHz."""
    people: dict[str, list[Floats]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav", ".mp3", ".ogg")):
        with av.open(str(path)) as container:
            resampler = av.AudioResampler("flt", "mono", _RATE)
            frames = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            frames += [part.to_ndarray() for part in resampler.resample(None)]
        people.setdefault(path.name.partition("-")[0], []).append(np.concatenate(frames, axis=1)[0].astype(np.float32))
    return people


def process(samples: Floats) -> Processed:
    """Process a sample at 16 kHz."""
    speaks = find_speech(samples)
    trimmed = level(trim(samples, speaks, _RATE), measure_loudness(samples, _RATE))
    return Processed(trimmed, measure_rhythm(samples, speaks))
