"""Shared helpers for the tests of both cloud engines."""

import numpy as np

from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, Speech, Utterance
from echo_synthesis.engines import discover
from echo_synthesis.text.words import find_words
from tests.support.provider import Provider, beeps

TEXT = "Every word of this sentence is spoken."
CONFIG = EngineConfig(models=None)  # type: ignore[arg-type]  # they have no models


def spec_of(engine: str) -> EngineSpec:
    return discover({engine})[engine]


def load(engine: str) -> Engine:
    return spec_of(engine).load(CONFIG)


def utter(voice: str, text: str = TEXT, speed: float = 1.0) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), voice, "en-US", speed)


def is_whole(speech: Speech, text: str = TEXT) -> bool:
    """Return whether the audio equals the provider's, apart from resampling."""
    samples, rate = beeps(text)
    return abs(speech.duration - len(samples) / rate) < 0.01 and bool(np.abs(speech.samples).max() > 0.2)


def paths(provider: Provider) -> list[str]:
    return [asked.path.rpartition(":")[2] for asked in provider.asked]
