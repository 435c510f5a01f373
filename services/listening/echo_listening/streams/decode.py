"""Decoding of a track for a stream: stereo at the rate of all streams."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from echo_common.audio_files.decoding import AudioDecoding, UnreadableFileError, open_audio
from echo_listening.streams.samples import CHANNELS, RATE, Samples


def decode(source: Path, demuxer: str, offset: float = 0.0) -> Iterator[Samples]:
    """Yield blocks of a file in the shape (2, samples) at `RATE`, from `offset` seconds on.

    Mono is on both sides; more than two channels are mixed to one. The part before `offset` is decoded too, because a jump within
    a compressed file is not exact. Raises `UnreadableFileError`, also after blocks if the rest cannot be read.
    """
    left_out = round(offset * RATE)
    with open_audio(source, demuxer, math.inf) as audio:
        for block in _resampled(audio):
            kept = block[:, left_out:]
            left_out -= block.shape[1] - kept.shape[1]
            if kept.shape[1]:
                yield kept
    if not audio.samples:
        raise UnreadableFileError("There is no sound in this file.")


def _resampled(audio: AudioDecoding) -> Iterator[Samples]:
    resampler: soxr.ResampleStream | None = None
    for values in audio.blocks():
        block = _stereo(values)
        if audio.rate == RATE:
            yield block
            continue
        if resampler is None:
            resampler = soxr.ResampleStream(audio.rate, RATE, CHANNELS, dtype="float32")
        yield resampler.resample_chunk(np.ascontiguousarray(block.T)).T
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros((0, CHANNELS), np.float32), last=True).T


def _stereo(values: Samples) -> Samples:
    """Return samples of any number of channels as two."""
    if len(values) == CHANNELS:
        return values
    mono = values if len(values) == 1 else values.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.repeat(mono, CHANNELS, axis=0)
