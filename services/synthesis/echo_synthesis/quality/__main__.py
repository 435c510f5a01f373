"""Recogniser of the quality gate: `python -m echo_synthesis.quality MODEL MEMORY SECONDS`.

A process of its own, because the model needs memory only while speech is checked, and because a library in C reads the output of
engines. Reads requests as lines of JSON and answers each with one; ends after a minute without a request.
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

from echo_common.sandbox import bound_processor_time, claim_stdout, die_with_parent, enter_sandbox
from echo_synthesis.quality.transcript import count_word_errors
from echo_synthesis.timing.recogniser_alignment import RECOGNISER_RATE, WhisperRecogniser

_IDLE_SECONDS = 60.0


def main(model: Path, memory: int, seconds: float) -> None:
    """Load the model, then handle requests in sequence until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    out = claim_stdout()
    recogniser = WhisperRecogniser(model)
    recogniser.transcribe(np.zeros(RECOGNISER_RATE, np.float32), "en")  # loads everything that a request needs
    count_word_errors("One.", "1.", "en-US")
    enter_sandbox(memory=memory, seconds=None, written=0)
    out.write(b"{}\n")
    out.flush()
    while select.select([sys.stdin.buffer], [], [], _IDLE_SECONDS)[0] and (line := sys.stdin.buffer.readline()):
        bound_processor_time(seconds)
        out.write(json.dumps(_compare(recogniser, json.loads(line))).encode() + b"\n\n")
        out.flush()


def _compare(recogniser: WhisperRecogniser, request: Mapping[str, Any]) -> Mapping[str, int] | None:
    samples = np.frombuffer(base64.b64decode(request["samples"]), "<i2").astype(np.float32) / np.float32(32768)
    language: str = request["language"]
    heard = recogniser.transcribe(samples, language.partition("-")[0].lower())
    if heard is None:
        return {}
    words, errors = count_word_errors(request["text"], heard, language, free=request["free"])
    return {"words": words, "word_errors": errors}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
