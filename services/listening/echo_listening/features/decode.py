"""Decoding of a track for its analysis: the first minutes, mono or stereo, at the rate of the analysis."""

import math
from pathlib import Path

import numpy as np
import soxr

from echo_common.audio_files.decoding import AudioDecoding, UnreadableFileError, open_audio
from echo_listening.features.spectrum import RATE, Floats

_STEREO = 2


def decode(source: Path, demuxer: str, longest: float) -> Floats:
    """Return the first `longest` seconds of a file in the shape (channels, samples); more than two channels are mixed to one.

    Raises `UnreadableFileError`.
    """
    with open_audio(source, demuxer, math.inf) as audio:
        sound = _read(audio, round(longest * RATE))
    if not sound.shape[1]:
        raise UnreadableFileError("There is no sound in this file.")
    return sound


def _read(audio: AudioDecoding, most: int) -> Floats:
    resampler: soxr.ResampleStream | None = None
    sound, filled = np.zeros((1, 0), np.float32), 0
    for values in audio.blocks():
        block = values if len(values) <= _STEREO else values.mean(axis=0, keepdims=True)
        if resampler is None:
            resampler = soxr.ResampleStream(audio.rate, RATE, len(block), dtype="float32")
            sound = np.zeros((len(block), most), np.float32)  # the system gives memory only to the part that is filled
        filled = _append(sound, filled, resampler.resample_chunk(np.ascontiguousarray(block.T)))
        if filled == most:
            return sound
    if resampler is not None:
        filled = _append(sound, filled, resampler.resample_chunk(np.zeros((0, len(sound)), np.float32), last=True))
    return sound[:, :filled]


def _append(sound: Floats, filled: int, block: Floats) -> int:
    """Copy a block of shape (samples, channels), as far as there is room; return the number of samples that are filled then."""
    kept = np.clip(block.reshape(-1, len(sound))[: sound.shape[1] - filled].T, -1, 1)
    sound[:, filled : filled + kept.shape[1]] = kept
    return filled + len(kept[0])
