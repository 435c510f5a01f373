"""Transcription of decoded speech: `python -m echo_voice.analysis.transcribe INPUT`.

INPUT is mono float32 at 24 kHz. Writes one JSON line to stdout: `{"speech_seconds": …, "transcript": …, "language": …}`. It runs as a
sandboxed process, which alone loads the models. The recogniser is not asked about audio without speech: it would invent words.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from echo_common.sandbox import die_with_parent
from echo_voice.analysis.decode import SAMPLE_RATE
from echo_voice.analysis.measure import find_speech, recognise
from echo_voice.similarity import SAMPLE_RATE as LOW_RATE

LEAST_SPEECH_SECONDS = 0.2


def main(source: Path) -> dict[str, Any]:
    """Recognise the words of a recording with speech."""
    low = np.asarray(soxr.resample(np.fromfile(source, "<f4"), SAMPLE_RATE, LOW_RATE), np.float32)
    speaks = find_speech(low)
    seconds = float(speaks.mean()) * len(low) / LOW_RATE if len(speaks) else 0.0
    heard = recognise(low) if seconds >= LEAST_SPEECH_SECONDS else {}
    return {"speech_seconds": round(seconds, 2), "transcript": heard.get("transcript", ""), "language": heard.get("language")}


if __name__ == "__main__":
    die_with_parent()  # the recogniser needs up to half the duration of a recording
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201
