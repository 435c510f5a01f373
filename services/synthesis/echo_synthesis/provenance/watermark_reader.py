"""Searches a file for the watermark: `python -m echo_synthesis.provenance.watermark_reader FILE DEMUXER KEY LONGEST MEMORY SECONDS`.

A separate, sandboxed process, because the file may be malicious. KEY is a file; LONGEST is the number of seconds of sound that are
searched; MEMORY is in bytes. Writes one JSON line to stdout: `{"found": …}`. What precedes damage is searched.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

from echo_common.audio_files.decoding import UnreadableFileError, open_audio
from echo_common.sandbox import enter_sandbox
from echo_synthesis.audio.resample import Resampler
from echo_synthesis.audio.watermark import DETECTION_RATE, WatermarkDetector, WatermarkPattern

_NICENESS = 10  # verification must not delay speech, which has 5


def find(path: Path, demuxer: str, detector: WatermarkDetector, longest: float) -> bool:
    """Return whether the watermark is in the first `longest` seconds of a file, with all channels mixed."""
    resampler: Resampler | None = None
    try:
        with open_audio(path, demuxer, math.inf) as audio:
            for block in audio.blocks():
                resampler = resampler or Resampler(audio.rate, DETECTION_RATE)
                if detector.feed(resampler.feed(np.clip(block.mean(axis=0), -1, 1))):
                    return True
                if audio.samples >= longest * audio.rate:
                    break
    except UnreadableFileError:
        pass
    return detector.close() if resampler is None else detector.feed(resampler.close()) or detector.close()


if __name__ == "__main__":
    file, demuxer, key, longest, memory, seconds = sys.argv[1:]
    detector = WatermarkDetector(WatermarkPattern.of(Path(key).read_bytes()))
    enter_sandbox(memory=int(memory), seconds=float(seconds), written=0, niceness=_NICENESS)
    print(json.dumps({"found": find(Path(file), demuxer, detector, float(longest))}))  # noqa: T201
