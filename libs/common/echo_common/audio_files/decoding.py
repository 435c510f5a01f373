"""Decoding of audio files. Only a sandboxed process (`echo_common.sandbox`) may do this: the input may be malicious."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.stream import Disposition
from numpy.typing import NDArray

from echo_common.audio_files.wav_header import check_wav

_RATES = range(4_000, 384_001)
_MOST_CHANNELS = 8
_MOST_BROKEN = 20
_LONGEST_FACTOR = 24
"""A declared duration so many times the longest permitted one is refused at once; headers are too unreliable for less."""


class UnreadableFileError(Exception):
    """A rejected file; the message says why and what to do."""


class AudioDecoding:
    """The first audio stream of a file, decoded block by block.

    `rate` in Hz, `channels` and `samples` (for each channel) describe the blocks that were read so far. `tags` are those of the file
    and the stream, by their name in lower case. A picture of the cover is no video.
    """

    def __init__(self, container: Any, longest: float) -> None:
        if not container.streams.audio:
            raise UnreadableFileError("There is no sound in this file.")
        self._stream = container.streams.audio[0]
        self._container = container
        self._longest = longest
        self.rate = self.channels = self.samples = 0
        self.has_video = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
        found = {**self._stream.metadata, **container.metadata}
        self.tags = {str(name).lower(): str(value) for name, value in found.items()}

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of finite samples of shape (channels, samples). Raises `UnreadableFileError`."""
        declared = self._container.duration
        if declared is not None and declared / 1e6 > _LONGEST_FACTOR * self._longest:
            raise self._too_long()
        for frame in self._frames():
            planes = np.asarray(frame.to_ndarray(), np.float32).reshape(-1, self.channels).T
            values = np.nan_to_num(planes, nan=0.0, posinf=1.0, neginf=-1.0)
            self.samples += values.shape[1]
            if self.samples > self._longest * self.rate:
                raise self._too_long()
            yield values

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield frames as interleaved floats; skip a few broken packets, as players do."""
        to_float = AudioResampler(format="flt")  # PyAV reads beyond the last of eight planes
        broken = 0
        for packet in self._container.demux(self._stream):
            try:
                for frame in packet.decode():
                    assert isinstance(frame, AudioFrame)  # noqa: S101 - an audio stream yields nothing else
                    self._check(frame)
                    yield from to_float.resample(frame)
            except av.InvalidDataError:
                broken += 1
                if broken > _MOST_BROKEN:
                    raise

    def _check(self, frame: AudioFrame) -> None:
        form = frame.sample_rate, len(frame.layout.channels)
        if self.rate and form != (self.rate, self.channels):
            raise UnreadableFileError(
                "The sample rate or the channels change within the file; send a file with a single format."
            )
        self.rate, self.channels = form
        if self.rate not in _RATES:
            raise UnreadableFileError(f"A sample rate of {self.rate} Hz is not supported; resample the file.")
        if self.channels > _MOST_CHANNELS:
            raise UnreadableFileError(f"{self.channels} channels are not supported; send at most {_MOST_CHANNELS}.")

    def _too_long(self) -> UnreadableFileError:
        return UnreadableFileError(f"The recording is longer than {self._longest / 60:g} minutes: cut it.")


@contextmanager
def open_audio(source: Path, demuxer: str, longest: float) -> Iterator[AudioDecoding]:
    """Open a file with an FFmpeg demuxer (see `formats.sniff`); `longest` is its maximum duration in seconds.

    Raises `UnreadableFileError`, also while the blocks are read in the context.
    """
    if demuxer == "wav" and (problem := check_wav(source)) is not None:
        raise UnreadableFileError(problem)
    options = {"protocol_whitelist": "file,pipe"}
    try:
        with av.open(str(source), format=demuxer, options=options, metadata_errors="ignore") as container:
            yield AudioDecoding(container, longest)
    except av.FFmpegError as error:
        raise UnreadableFileError(f"The file is damaged and cannot be read ({error.strerror}).") from None
