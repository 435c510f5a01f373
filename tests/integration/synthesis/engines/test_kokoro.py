"""What Kokoro's changed graph must keep."""

import numpy as np
import pytest

from echo_synthesis.engine import Engine, EngineConfig, Speech, Utterance
from echo_synthesis.engines.kokoro import SPEC
from echo_synthesis.text.words import find_words
from tests.support.models import Models

LONG = "a boat came in and seven letters lay on the long road by the river, " * 4
FRAME = 600


@pytest.fixture(scope="module")
def kokoro(speech_models: Models) -> Engine:
    return SPEC.load(EngineConfig(speech_models("kokoro"), threads=2))


def spoken(kokoro: Engine, text: str, voice: str = "af_heart") -> Speech:
    return kokoro.speak(Utterance(text, tuple(find_words(text, SPEC.max_characters)), voice, "en-US", 1.0))


@pytest.mark.parametrize("voice", ["af_heart", "am_adam"])
def test_a_long_sentence_is_as_loud_at_its_end_as_at_its_beginning(kokoro: Engine, voice: str) -> None:
    samples = spoken(kokoro, LONG, voice).samples
    first, *_, last = (np.sqrt(np.mean(part**2)) for part in np.array_split(samples, 4))
    assert last > 0.7 * first


def test_silence_that_only_evens_out_the_length_is_not_heard(kokoro: Engine) -> None:
    for words in range(1, 9):
        speech = spoken(kokoro, " ".join(LONG.split()[:words]) + ".")
        assert len(speech.samples) % FRAME == 0
        assert speech.duration - speech.words[-1].end < 0.6
