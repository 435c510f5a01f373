"""Silence, clipping and an implausible pace are found; usual speech has no problem."""

from dataclasses import replace

import numpy as np
import pytest

from echo_common.contracts.values import SpeechProblem
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.quality.signal_check import find_problems
from echo_synthesis.text.words import find_words

TEXT = "This is a sentence with some usual words in it."


def utter(speed: float = 1.0, language: str = "en-US", text: str = TEXT) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", language, speed)


def spoken(speed: float = 1.0) -> Speech:
    return Beeper().speak(utter(speed))


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_usual_speech_has_no_problem(speed: float) -> None:
    assert find_problems(utter(speed), spoken(speed)) == ()


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["before", "within", "after"])
def test_long_silence_is_found(place: float) -> None:
    speech = spoken()
    at = round(place * len(speech.samples))
    silence = np.zeros(round(2.5 * speech.sample_rate), np.float32)
    samples = np.concatenate([speech.samples[:at], silence, speech.samples[at:]])
    assert "silent" in find_problems(utter(), replace(speech, samples=samples))


@pytest.mark.parametrize(("gain", "limit", "problems"), [(4.0, 0.9, ("clipped",)), (4.0, 2.0, ()), (0.5, 0.1, ())])
def test_clipping_is_found(gain: float, limit: float, problems: tuple[SpeechProblem, ...]) -> None:
    speech = spoken()
    samples = np.clip(gain * speech.samples, -limit, limit).astype(np.float32)
    assert find_problems(utter(), replace(speech, samples=samples)) == problems


@pytest.mark.parametrize("speed", [0.3, 2.5])
def test_an_implausible_pace_is_found_in_calibrated_languages(speed: float) -> None:
    speech = spoken(speed)
    assert find_problems(utter(), speech) == ("duration",)
    assert find_problems(utter(language="fr-FR"), speech) == ()


@pytest.mark.parametrize("language", ["vi-VN", "de-DE"])
def test_an_implausible_pace_is_found_in_all_languages(language: str) -> None:
    speech = spoken()
    slow = replace(speech, samples=np.resize(speech.samples, 20 * len(speech.samples)))
    assert find_problems(utter(language=language), slow) == ("duration",)
    assert find_problems(utter(2.0, language), speech) == ()


@pytest.mark.parametrize("text", ["", "?!", "…"])
def test_texts_without_letters_may_be_silent(text: str) -> None:
    silence = replace(spoken(), samples=np.zeros(80_000, np.float32), words=())
    assert find_problems(utter(text=text), silence) == ()
    assert find_problems(utter(text=f"A{text}"), silence) == ("silent",)


@pytest.mark.parametrize("text", ["A", "7", "Wow!", "x" * 400, "Nineteen letters, no"])
def test_the_pace_of_few_letters_is_not_judged(text: str) -> None:
    short = spoken()
    for samples in (short.samples[:400], np.resize(short.samples, 30 * len(short.samples))):
        assert find_problems(utter(text=text), replace(short, samples=samples)) == ()
