"""Tests of word timings estimated from the audio alone."""

from itertools import pairwise

import numpy as np
import pytest

from echo_synthesis.engine import Utterance
from echo_synthesis.engines.tone import SAMPLE_RATE
from echo_synthesis.engines.tone.beeper import Beeper
from echo_synthesis.text.words import find_words
from echo_synthesis.timing.estimation import FRAME, estimate, sounding


def utter(text: str) -> Utterance:
    return Utterance(text, tuple(find_words(text, 100)), "tone_low", "en-US")


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def spoken(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


def test_leading_and_trailing_silence_belong_to_no_word() -> None:
    samples = spoken(silence(0.5), noise(2.0), silence(0.7))
    words = estimate(utter("four even long words"), samples, SAMPLE_RATE)
    assert words[0].start == pytest.approx(0.5, abs=2 * FRAME)
    assert words[-1].end == pytest.approx(2.5, abs=2 * FRAME)


def test_longer_words_get_more_of_the_time() -> None:
    short, long = estimate(utter("a extraordinary"), noise(2.0), SAMPLE_RATE)
    assert long.end - long.start > 4 * (short.end - short.start)


def test_pauses_between_words_belong_to_no_word() -> None:
    samples = spoken(noise(1.0), silence(0.6), noise(1.0))
    first, second = estimate(utter("same, same"), samples, SAMPLE_RATE)
    assert first.end == pytest.approx(1.0, abs=2 * FRAME)
    assert second.start == pytest.approx(1.6, abs=2 * FRAME)


def test_short_gaps_are_not_pauses() -> None:
    samples = spoken(noise(0.5), silence(0.05), noise(0.5))
    assert sounding(samples, SAMPLE_RATE).all()


@pytest.mark.parametrize("text", ["x", "Hello there, world!", "日本語 と english", "42 % of 3.14 & more", "a " * 200])
def test_estimates_satisfy_the_speech_invariants(text: str) -> None:
    utterance = utter(text)
    speech = Beeper().speak(utterance)
    words = estimate(utterance, speech.samples, SAMPLE_RATE)
    assert len(words) == len(utterance.words)
    assert all(0 <= word.start <= word.end <= speech.duration for word in words)
    assert all(before.start <= after.start for before, after in pairwise(words))


@pytest.mark.parametrize("samples", [silence(1.0), silence(0.0), noise(0.005)], ids=["silence", "nothing", "half a frame"])
def test_silent_audio_gives_each_word_a_timing(samples: np.ndarray) -> None:
    words = estimate(utter("two words"), samples, SAMPLE_RATE)
    assert len(words) == 2
    assert all(0 <= word.start <= word.end <= len(samples) / SAMPLE_RATE for word in words)


def test_texts_without_words_have_no_timings() -> None:
    assert estimate(Utterance("…", (), "v", "en"), noise(1.0), SAMPLE_RATE) == ()
