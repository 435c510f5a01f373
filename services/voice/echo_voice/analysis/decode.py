"""Decoder of uploaded audio: `python -m echo_voice.analysis.decode DEMUXER INPUT OUTPUT LONGEST MEMORY SECONDS`.

Runs as a sandboxed process, because the input may be malicious. Writes mono float32 at 24 kHz to OUTPUT and one JSON line to
stdout: `{"facts": …}` or `{"refused": sentence}`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from echo_common.sandbox import enter_sandbox
from echo_voice.analysis.header import check_wav

SAMPLE_RATE = 24_000
_RATES = range(4_000, 384_001)
_MOST_CHANNELS = 8
_LIMIT = 0.999
_MOST_BROKEN = 20


class RefusedError(Exception):
    """A rejected file; the message says why and what to do."""


def main(demuxer: str, source: Path, target: Path, longest: float) -> dict[str, Any]:
    """Decode `source` into `target` and return the facts about it. Raises `RefusedError`."""
    if demuxer == "wav" and (lie := check_wav(source)) is not None:
        raise RefusedError(lie)
    try:
        with ExitStack() as stack:
            container = stack.enter_context(
                av.open(str(source), format=demuxer, options={"protocol_whitelist": "file,pipe"}, metadata_errors="ignore")
            )
            file = stack.enter_context(target.open("wb"))
            return _Decoding(container, file, longest).run()
    except av.FFmpegError as error:
        raise RefusedError(f"The file is damaged and cannot be read ({error.strerror}).") from None


class _Decoding:
    def __init__(self, container: Any, file: Any, longest: float) -> None:
        if not container.streams.audio:
            raise RefusedError("There is no sound in this file.")
        self._stream = container.streams.audio[0]
        self._container = container
        self._file = file
        self._longest = longest
        self._rate = self._channels = 0
        self._samples = self._clipped = self._values = 0

    def run(self) -> dict[str, Any]:
        declared = self._container.duration
        if declared is not None and declared / 1e6 > 24 * self._longest:
            raise self._too_long()
        for sound in self._sound():
            self._file.write(sound.astype("<f4", copy=False).tobytes())
        if self._samples == 0:
            raise RefusedError("There is no sound in this file.")
        return {
            "duration": round(self._samples / self._rate, 3),
            "clipping": round(self._clipped / max(1, self._values), 6),
            "sample_rate": self._rate,
            "channels": self._channels,
            "video": bool(self._container.streams.video),
        }

    def _sound(self) -> Iterator[NDArray[np.float32]]:
        resampler: soxr.ResampleStream | None = None
        for frame in self._frames():
            if resampler is None:
                resampler = soxr.ResampleStream(self._rate, SAMPLE_RATE, 1, dtype="float32")
            values = np.nan_to_num(np.asarray(frame.to_ndarray(), np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
            self._clipped += int(np.count_nonzero(np.abs(values) >= _LIMIT))
            self._values += values.size
            self._samples += values.shape[1]
            if self._samples > self._longest * self._rate:
                raise self._too_long()
            yield np.clip(resampler.resample_chunk(values.mean(axis=0, dtype=np.float32)), -1, 1)
        if resampler is not None:
            yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield frames as float planes; skip a few broken packets, as players do."""
        to_float = AudioResampler(format="fltp")
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
        if self._rate and form != (self._rate, self._channels):
            raise RefusedError("The sample rate or the channels change within the file; send a file with a single format.")
        self._rate, self._channels = form
        if self._rate not in _RATES:
            raise RefusedError(f"A sample rate of {self._rate} Hz is not supported; resample the file.")
        if self._channels > _MOST_CHANNELS:
            raise RefusedError(f"{self._channels} channels are not supported; send at most {_MOST_CHANNELS}.")

    def _too_long(self) -> RefusedError:
        return RefusedError(f"The recording is longer than {self._longest / 60:g} minutes: cut it.")


if __name__ == "__main__":
    demuxer, source, target, longest, memory, seconds = sys.argv[1:]
    most = int((float(longest) + 1) * SAMPLE_RATE * 4)
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=most)
    result: dict[str, Any]
    try:
        result = {"facts": main(demuxer, Path(source), Path(target), float(longest))}
    except RefusedError as refusal:
        result = {"refused": str(refusal)}
    except MemoryError:
        result = {"refused": "Reading the file takes too much memory."}
    print(json.dumps(result))  # noqa: T201
