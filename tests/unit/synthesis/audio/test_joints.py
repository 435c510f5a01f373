"""Joints of speech that was synthesised in two parts."""

import numpy as np
import pytest

from echo_synthesis.audio.joints import trim_joint
from echo_synthesis.engine import Speech, WordTime

RATE = 16_000


def speech(*, before: float, sound: float, after: float) -> Speech:
    """Return a tone with silence, which is not perfectly quiet, around it."""
    quiet = 0.0005 * np.random.default_rng(1).standard_normal(round((before + after) * RATE))
    lead = round(before * RATE)
    tone = 0.3 * np.sin(np.arange(round(sound * RATE)) * 0.1)
    samples = np.concatenate([quiet[:lead], tone, quiet[lead:]]).astype(np.float32)
    return Speech(samples, RATE, (WordTime(before, before + sound / 2), WordTime(before + sound / 2, before + sound)), "model")


def test_silence_after_the_first_part_is_shortened() -> None:
    trimmed = trim_joint(speech(before=0.3, sound=0.5, after=0.4), "end")
    assert trimmed.duration == pytest.approx(0.3 + 0.5 + 0.06, abs=0.011)
    assert trimmed.words == (WordTime(0.3, 0.55), WordTime(0.55, 0.8))


def test_silence_before_the_second_part_is_shortened_and_its_words_move() -> None:
    trimmed = trim_joint(speech(before=0.3, sound=0.5, after=0.4), "start")
    assert trimmed.duration == pytest.approx(0.06 + 0.5 + 0.4, abs=0.011)
    assert trimmed.words[0].start == pytest.approx(0.06, abs=0.011)
    assert trimmed.words[1].end == pytest.approx(0.56, abs=0.011)


@pytest.mark.parametrize("side", ["start", "end"])
def test_speech_without_silence_stays_as_it_is(side: str) -> None:
    whole = speech(before=0.02, sound=0.5, after=0.02)
    assert trim_joint(whole, side) is whole  # type: ignore[arg-type]
    silent = Speech(np.zeros(RATE, np.float32), RATE, (), "model")
    assert trim_joint(silent, side) is silent  # type: ignore[arg-type]
