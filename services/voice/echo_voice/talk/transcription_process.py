"""Recogniser of utterances: `python -m echo_voice.talk.transcription_process MODEL MEMORY SECONDS`.

Reads requests as lines of JSON and answers each with one; ends after ten minutes without a request.
"""

import base64
import json
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

from echo_common.sandbox import bound_processor_time, claim_stdout, die_with_parent, enter_sandbox

_IDLE_SECONDS = 600.0
_NO_SPEECH = 0.6
_UNLIKELY = -1.0
_REPETITIVE = 2.4
"""Whisper's own limits: a segment above `_NO_SPEECH` and below `_UNLIKELY`, or more compressible than this, is not speech."""


def main(model: Path, memory: int, seconds: float) -> None:
    """Load the model, then handle requests in sequence until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    out = claim_stdout()
    recogniser = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    _transcribe(
        recogniser, {"pcm": base64.b64encode(bytes(32_000)).decode(), "language": "en"}
    )  # loads everything that requests need
    enter_sandbox(memory=memory, seconds=None, written=0)
    out.write(b"{}\n")
    out.flush()
    while select.select([sys.stdin.buffer], [], [], _IDLE_SECONDS)[0] and (line := sys.stdin.buffer.readline()):
        bound_processor_time(seconds)
        out.write(json.dumps({"text": _transcribe(recogniser, json.loads(line))}).encode() + b"\n\n")
        out.flush()


def _transcribe(recogniser: WhisperModel, request: Mapping[str, Any]) -> str:
    samples = np.frombuffer(base64.b64decode(request["pcm"]), "<i2").astype(np.float32) / np.float32(32_768)
    known = request["language"] if request["language"] in recogniser.supported_languages else None
    segments, _ = recogniser.transcribe(
        samples, language=known, beam_size=5, temperature=0.0, condition_on_previous_text=False, without_timestamps=True
    )
    texts = [
        segment.text.strip()
        for segment in segments
        if not (segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _UNLIKELY)
        and segment.compression_ratio <= _REPETITIVE
    ]
    return " ".join(text for text in texts if any(character.isalnum() for character in text))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
