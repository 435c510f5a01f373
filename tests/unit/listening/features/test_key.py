"""Key and mode of signals with a known answer."""

import numpy as np
import pytest

from echo_listening.features.tonality import measure_tonality
from tests.support.music import RATE, applause, cadence, clicks, noise, note, scale, silence, song

KEYS = [(key, mode) for mode in (0, 1) for key in range(12)]
NAMES = [
    f"{name} {'major' if mode else 'minor'}"
    for mode in (0, 1)
    for name in ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
]


@pytest.mark.parametrize(("key", "mode"), KEYS, ids=NAMES)
def test_scales_and_chords_have_their_key(key: int, mode: int) -> None:
    for sound in (scale(key, mode, note_seconds=0.3), cadence(key, mode, chord_seconds=0.6)):
        tonality = measure_tonality(sound)
        assert (tonality.key, tonality.mode) == (key, mode)


@pytest.mark.parametrize(("key", "mode"), [(0, 1), (9, 0), (6, 1), (3, 0)])
def test_drums_do_not_hide_the_key(key: int, mode: int) -> None:
    tonality = measure_tonality(song(120, key, mode, drums=1.0, seconds=10))
    assert (tonality.key, tonality.mode) == (key, mode)


@pytest.mark.parametrize("cents", [-45, -30, 30, 45])
def test_instruments_that_are_not_at_concert_pitch_have_their_key(cents: int) -> None:
    sound = cadence(2, 0)
    shifted = np.interp(np.arange(0, len(sound) - 1, 2 ** (cents / 1200)), np.arange(len(sound)), sound).astype(np.float32)
    tonality = measure_tonality(shifted)
    assert (tonality.key, tonality.mode) == (2, 0)


@pytest.mark.parametrize(
    "sound",
    [noise(6), applause(6), clicks(120, 6), silence(3), note(69, 4, harmonics=1, decay=0), cadence(0, 1)[: RATE // 2]],
    ids=["noise", "applause", "clicks", "silence", "a-single-tone", "half-a-second"],
)
def test_what_has_no_scale_has_no_key(sound: np.ndarray) -> None:
    tonality = measure_tonality(sound)
    assert (tonality.key, tonality.mode) == (-1, None)


@pytest.mark.parametrize("seconds", [2, 5])
def test_noise_has_no_key_by_chance(seconds: float) -> None:
    sounds = [kind(seconds, seed=seed) for kind in (noise, applause) for seed in range(12)]
    assert {measure_tonality(sound).key for sound in sounds} == {-1}


def test_silence_around_music_does_not_hide_its_key() -> None:
    sound = np.concatenate([silence(20), cadence(5, 1), silence(20)])
    assert (measure_tonality(sound).key, measure_tonality(sound).mode) == (5, 1)
