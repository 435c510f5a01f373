"""Implausible speech is refused, and plausible speech is accepted."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo_synthesis.engine import Phone, Speech, Utterance, WordTime
from echo_synthesis.engines.tone import SPEC
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.speech_check import ImplausibleSpeechError, check_speech
from echo_synthesis.text.words import find_words

TEXT = "Hello! This is Echo, speaking from your own machine."


def utter(text: str = TEXT, speed: float = 1.0) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", "en-US", speed)


def spoken(utterance: Utterance) -> Speech:
    return Beeper().speak(utterance)


def refused(speech: Speech, utterance: Utterance | None = None) -> str:
    with pytest.raises(ImplausibleSpeechError) as error:
        check_speech(SPEC, utterance or utter(), speech)
    return error.value.message


@given(
    # Hypothesis tries strings from the source, too: those that ask this engine for a fault.
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=80).filter(lambda text: "tone-" not in text),
    st.floats(0.25, 4.0),
)
def test_speech_of_usual_pace_is_accepted(text: str, speed: float) -> None:
    utterance = utter(text, speed)
    check_speech(SPEC, utterance, spoken(utterance))


@pytest.mark.parametrize(
    ("text", "letters_a_second"),
    [
        ("Ils parlaient beaucoup trop longtemps, qu'est-ce que c'est que ça, les oiseaux.", 20),
        ("El perro de San Roque no tiene rabo porque Ramón Ramírez se lo ha cortado.", 22),
        ("नमस्ते, यह मेरी आवाज़ है। मैं आज बाज़ार जा रहा हूँ।", 3),
        ("你好世界。这是一个很长的句子。", 1.5),
        ("ሰላም ለዓለም", 0.5),
        ("Aaaaaaaaaaaaaaaaaaaaah!", 45),
        ("WWW ZZZ 123456789", 1),
    ],
)
def test_slow_and_fast_speech_of_any_language_is_accepted(text: str, letters_a_second: float) -> None:
    utterance = utter(text)
    seconds = sum(map(str.isalnum, text)) / letters_a_second
    samples = np.sin(np.arange(round(seconds * 16_000)) / 9).astype(np.float32)
    shares = np.linspace(0, seconds, len(utterance.words) + 1)
    words = tuple(WordTime(float(a), float(b)) for a, b in pairwise(shares))
    check_speech(SPEC, utterance, Speech(samples, 16_000, words, "estimated"))


def test_a_single_frame_per_token_is_refused() -> None:
    # what openvino-bf16 gave from a compiled model of another precision: zeros or NaN, 25 ms for each of 56 tokens
    times = tuple(WordTime(n / 10, (n + 1) / 10) for n in range(9))
    assert "silence" in refused(Speech(np.zeros(22_400, np.float32), 16_000, times, "model"))
    assert "not finite" in refused(Speech(np.full(22_400, np.nan, np.float32), 16_000, times, "model"))


def test_a_single_nan_sample_is_refused() -> None:
    speech = spoken(utter())
    for value in (np.nan, np.inf, -np.inf):
        samples = speech.samples.copy()
        samples[1234] = value
        assert "not finite" in refused(replace(speech, samples=samples))


def test_constant_samples_are_silence() -> None:
    speech = spoken(utter())
    assert "silence" in refused(replace(speech, samples=np.full_like(speech.samples, 0.5)))


def test_silent_words_are_refused_unless_they_are_few() -> None:
    speech = spoken(utter())
    cut = speech.samples.copy()
    cut[round(speech.words[7].start * 16_000) :] = 0
    check_speech(SPEC, utter(), replace(speech, samples=cut))
    cut[round(speech.words[3].start * 16_000) :] = 0
    assert "silence where most words" in refused(replace(speech, samples=cut))


def test_texts_without_letters_may_be_silent() -> None:
    for text in ("", "?!", "…"):
        utterance = utter(text)
        words = tuple(WordTime(0.0, 0.0) for _ in utterance.words)
        check_speech(SPEC, utterance, Speech(np.zeros(1_600, np.float32), 16_000, words, "model"))


def test_implausible_durations_are_refused() -> None:
    speech = spoken(utter())
    assert "at most" in refused(replace(speech, samples=np.resize(speech.samples, 16_000 * 120)))
    assert "at least" in refused(replace(speech, samples=speech.samples[:8_000], words=()))


def test_phones_are_checked_like_words() -> None:
    speech = spoken(utter())
    phones = tuple((Phone("a", time.start, time.end),) for time in speech.words)
    check_speech(SPEC, utter(), replace(speech, phones=phones))
    assert "phones for 1 words of 9" in refused(replace(speech, phones=phones[:1]))
    late = (*phones[:-1], (Phone("a", 99.0, 100.0),))
    assert "times of phones" in refused(replace(speech, phones=late))
