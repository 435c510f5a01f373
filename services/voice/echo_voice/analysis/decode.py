"""Decoder of uploaded audio: `python -m echo_voice.analysis.decode DEMUXER INPUT OUTPUT LONGEST MEMORY SECONDS`.

Runs as a sandboxed process, because the input may be malicious. Writes mono float32 at 24 kHz to OUTPUT and one JSON line to
stdout: `{"facts": …}` or `{"refused": sentence}`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from echo_common.audio_files.decoding import AudioDecoding, UnreadableFileError, open_audio
from echo_common.sandbox import enter_sandbox

SAMPLE_RATE = 24_000
_LIMIT = 0.999


def main(demuxer: str, source: Path, target: Path, longest: float) -> dict[str, Any]:
    """Decode `source` into `target` and return the facts about it. Raises `UnreadableFileError`."""
    with open_audio(source, demuxer, longest) as audio, target.open("wb") as file:
        converted = _Conversion(audio)
        for sound in converted.sound():
            file.write(sound.astype("<f4", copy=False).tobytes())
        if audio.samples == 0:
            raise UnreadableFileError("There is no sound in this file.")
        return {
            "duration": round(audio.samples / audio.rate, 3),
            "clipping": round(converted.clipped / max(1, audio.samples * audio.channels), 6),
            "sample_rate": audio.rate,
            "channels": audio.channels,
            "video": audio.has_video,
        }


class _Conversion:
    """Conversion to mono at 24 kHz. `clipped` counts the values at the limit of the format."""

    def __init__(self, audio: AudioDecoding) -> None:
        self._audio = audio
        self.clipped = 0

    def sound(self) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of samples."""
        resampler: soxr.ResampleStream | None = None
        for values in self._audio.blocks():
            if resampler is None:
                resampler = soxr.ResampleStream(self._audio.rate, SAMPLE_RATE, 1, dtype="float32")
            self.clipped += int(np.count_nonzero(np.abs(values) >= _LIMIT))
            yield np.clip(resampler.resample_chunk(values.mean(axis=0, dtype=np.float32)), -1, 1)
        if resampler is not None:
            yield np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1)


if __name__ == "__main__":
    demuxer, source, target, longest, memory, seconds = sys.argv[1:]
    most = int((float(longest) + 1) * SAMPLE_RATE * 4)
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=most)
    result: dict[str, Any]
    try:
        result = {"facts": main(demuxer, Path(source), Path(target), float(longest))}
    except UnreadableFileError as refusal:
        result = {"refused": str(refusal)}
    except MemoryError:
        result = {"refused": "Reading the file takes too much memory."}
    print(json.dumps(result))  # noqa: T201
