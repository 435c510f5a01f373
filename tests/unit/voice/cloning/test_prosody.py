import numpy as np
import pytest
from numpy.typing import NDArray

from echo_voice.cloning.pitch import HOP_SECONDS, pitch_contour
from echo_voice.cloning.prosody import Contour, Floats, Prosody, count_syllables, describe, measure, measure_rhythm
from echo_voice.cloning.resampling import down
from echo_voice.domain.rhythm import Rhythm
from tests.support.recordings import TEXT, spoken


def _measured(samples: Floats, text: str | None = None) -> Prosody:
    prosody = measure([samples], [text])
    assert prosody is not None
    return prosody


def _glide(low: float, high: float) -> Floats:
    time = np.arange(32_000) / 16_000
    phase = 2 * np.pi * np.cumsum(low * (high / low) ** (time / 2)) / 16_000
    return np.asarray(sum(np.sin(n * phase) / n for n in range(1, 12)) / 5, np.float32)


@pytest.mark.parametrize(("low", "high"), [(70, 110), (90, 180), (240, 380)])
def test_contour_follows_a_glide(low: int, high: int):
    contour = pitch_contour(_glide(low, high))
    # the first frame is centred 32 ms behind the start
    time = 0.032 + np.arange(len(contour)) * HOP_SECONDS
    true = low * (high / low) ** (time / 2)
    assert contour[3:-3] == pytest.approx(true[3:-3], rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("pitch", [35, 50, 80])
def test_pitch_of_slowed_speech_is_lower(pitch: int):
    samples = down(spoken(pitch=pitch))
    found = _measured(samples).pitch
    stretched = np.interp(np.arange(0, len(samples) - 1, 0.8), np.arange(len(samples)), samples).astype(np.float32)
    assert _measured(stretched).pitch == pytest.approx(found * 0.8, rel=0.03)


@pytest.mark.slow
def test_rate_without_a_transcript_is_near_the_rate_with_it():
    samples = down(spoken())
    assert _measured(samples).rate == pytest.approx(_measured(samples, TEXT).rate, rel=0.15)


@pytest.mark.slow
def test_a_transcript_without_spelled_syllables_does_not_count():
    samples = down(spoken())
    assert _measured(samples, "1998").rate == _measured(samples, "Nov. 1998").rate == _measured(samples).rate


@pytest.mark.slow
def test_a_pause_is_measured_and_does_not_change_the_rate():
    samples = down(spoken("The birch canoe slid on the smooth planks"))
    whole = _measured(samples, "word")
    twice = _measured(np.concatenate([samples, np.zeros(9_600, np.float32), samples]), "word word")
    assert np.isnan(whole.pause)
    assert twice.pause == pytest.approx(0.6, abs=0.2)
    assert twice.rate == pytest.approx(whole.rate, rel=0.05)
    assert twice.spread == pytest.approx(whole.spread, rel=0.05)


def test_recordings_without_voiced_speech_have_no_prosody():
    assert measure([np.zeros(16_000, np.float32)]) is None
    assert measure([]) is None


def test_percentiles_and_loudness_come_from_voiced_speech():
    pitch = np.concatenate([np.zeros(50), np.linspace(100, 200, 101)])
    level = np.concatenate([np.full(50, -2.0), np.tile([0.0, 4.0], 51)[:101]])
    found = describe([Contour(pitch, level, 3)])
    assert found is not None
    assert (found.low, found.pitch, found.high) == pytest.approx((110, 150, 190))
    assert found.spread == pytest.approx(12 * np.log2(190 / 110))
    assert found.loudness == pytest.approx(2, rel=0.01)
    assert found.rate == pytest.approx(3 / 1.51)


@pytest.mark.parametrize(
    ("text", "syllables"),
    [("The old clock", 3), ("nobody noticed it", 6), ("he moved the table", 5), ("it's time", 2), ("", 0), ("mmm", 1)],
)
def test_syllables_are_counted(text: str, syllables: int):
    assert count_syllables(text) == syllables


def _beeps(pause: float, noise: float = 0.0) -> tuple[Floats, NDArray[np.bool_]]:
    """Return three seconds of tone around a pause with a noise in its middle, and whether a detector hears speech."""
    tone = np.asarray(0.5 * np.sin(2 * np.pi * 150 * np.arange(16_000) / 16_000), np.float32)
    silence = np.zeros(round(pause * 16_000), np.float32)
    silence[len(silence) // 3 : len(silence) * 2 // 3] = noise
    samples = np.concatenate([tone, silence, tone, tone])
    return samples, np.repeat(np.array([True, False, True]), [100, round(100 * pause), 200])


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_pause_with_a_noise_is_a_pause(noise: float):
    rhythm = measure_rhythm(*_beeps(1.2, noise))
    assert rhythm is not None
    assert rhythm.pauses == 1
    assert rhythm.pause_seconds == pytest.approx(1.2, abs=0.3)
    assert rhythm.speech_seconds == pytest.approx(3, abs=0.3)


def test_an_interruption_is_neither_speech_nor_a_pause():
    rhythm = measure_rhythm(*_beeps(5))
    assert rhythm is not None
    assert (rhythm.pauses, rhythm.pause_seconds) == (0, 0)
    assert rhythm.speech_seconds == pytest.approx(3, abs=0.3)


def test_a_recording_without_speech_has_no_rhythm():
    samples, _ = _beeps(1)
    assert measure_rhythm(samples, np.zeros(400, bool)) is None


def test_pauses_and_rate_come_from_the_rhythm_of_the_original():
    samples, _ = _beeps(0.5)
    trimmed = _measured(samples, "one two three")
    rhythm = Rhythm(speech_seconds=2.0, pauses=2, pause_seconds=1.8)
    found = measure([samples], ["one two three"], [rhythm])
    assert found is not None
    assert (found.pause, found.rate) == pytest.approx((0.9, 1.5))
    assert found.pitch == trimmed.pitch
    # the syllables that are counted in the trimmed recording belong to its own seconds
    assert _measured(samples).rate == pytest.approx(getattr(measure([samples], [], [rhythm]), "rate", None))


def test_samples_without_a_rhythm_are_measured_as_they_are():
    samples, _ = _beeps(0.5)
    rhythm = Rhythm(speech_seconds=3.0, pauses=1, pause_seconds=1.5)
    found = measure([samples, samples], [], [None, rhythm])
    assert found is not None
    assert found.pause == pytest.approx(1.0, abs=0.05)
