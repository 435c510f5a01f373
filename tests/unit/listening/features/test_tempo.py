"""Tempo and pulse of signals with a known answer."""

import numpy as np
import pytest

from echo_listening.features.rhythm import Rhythm, measure_rhythm
from echo_listening.features.spectrum import BandSpectrum
from tests.support.music import Sound, clicks, noise, note, silence, song


def rhythm_of(sound: Sound) -> Rhythm:
    return measure_rhythm(BandSpectrum.measure(sound))


@pytest.mark.parametrize("bpm", [60, 66, 72, 83, 90, 97.5, 110, 120, 133, 150, 165, 180])
def test_the_tempo_of_a_metronome_is_exact_without_octave_errors(bpm: float) -> None:
    assert rhythm_of(clicks(bpm, 12)).tempo == pytest.approx(bpm, rel=0.005)


@pytest.mark.parametrize("bpm", [72, 90, 100, 120, 140, 160, 180])
def test_the_tempo_of_a_song_is_that_of_its_beat_and_not_that_of_its_hi_hat(bpm: float) -> None:
    assert rhythm_of(song(bpm, 0, 1, drums=1.0)).tempo == pytest.approx(bpm, rel=0.02)


def test_a_slow_song_with_quavers_may_have_its_double_tempo() -> None:
    """An octave error that is known: nothing but the accents distinguishes 60 beats with quavers from 120 beats."""
    tempo = rhythm_of(song(60, 0, 1, drums=1.0)).tempo
    assert tempo is not None
    assert min(abs(tempo / 60 - 1), abs(tempo / 120 - 1)) < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_tempo(seed: int) -> None:
    rhythm = rhythm_of(noise(12, seed=seed))
    assert rhythm.tempo is None
    assert rhythm.clarity < 0.15


def test_a_sustained_note_has_no_tempo() -> None:
    assert rhythm_of(note(60, 10, decay=0)).tempo is None


def test_clicks_at_random_times_have_no_clear_pulse() -> None:
    random, sound = np.random.default_rng(3), silence(20)
    for start in random.integers(0, len(sound) - 600, 40):
        sound[start : start + 600] += clicks(60, 0.025, offset=0)
    assert rhythm_of(sound).clarity < 0.5 * rhythm_of(clicks(120, 20)).clarity


def test_less_than_four_seconds_have_no_tempo() -> None:
    assert rhythm_of(clicks(120, 3.9)).tempo is None
    assert rhythm_of(clicks(120, 4.2)).tempo == pytest.approx(120, rel=0.02)


def test_a_change_of_the_tempo_lowers_the_stability() -> None:
    steady, changing = clicks(120, 48), np.concatenate([clicks(120, 24), clicks(97, 24)])
    assert rhythm_of(steady).stability == 1
    assert rhythm_of(changing).stability < 0.8
