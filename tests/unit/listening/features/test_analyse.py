"""All features together: ranges, undefined values, and the order of sounds by each estimate."""

from collections.abc import Callable

import numpy as np
import pytest

from echo_common.audio.loudness import measure_loudness
from echo_listening.domain.features import TrackFeatures
from echo_listening.features.analyse import analyse
from tests.support.music import RATE, Sound, applause, cadence, clicks, noise, silence, song
from tests.support.recordings import spoken

SECONDS = 8.0


def features_of(sound: Sound) -> TrackFeatures:
    return analyse(sound[None])


def together(first: Sound, second: Sound, gain: float) -> Sound:
    length = min(len(first), len(second))
    return np.clip(first[:length] + gain * second[:length], -1, 1)


@pytest.mark.parametrize(
    "sound",
    [silence(5), silence(0.1), silence(5) + np.float32(0.5), silence(1 / RATE)],
    ids=["silence", "short", "dc", "a-sample"],
)
def test_silence_has_no_features(sound: Sound) -> None:
    features = features_of(sound)
    values = features.model_dump(exclude={"key", "analysed_seconds", "analyser"})
    assert set(values.values()) == {None}
    assert features.key == -1


@pytest.mark.parametrize("seconds", [1 / RATE, 0.01, 0.1, 0.5])
def test_very_short_sound_has_features_but_neither_tempo_nor_key(seconds: float) -> None:
    features = features_of(noise(max(seconds, 2 / RATE), 0.3))
    assert (features.tempo, features.key, features.mode, features.valence) == (None, -1, None, None)


def test_speech_has_neither_tempo_nor_key_and_music_is_no_speech() -> None:
    speech, music = features_of(spoken()), features_of(song(100, 5, 1, seconds=SECONDS))
    assert (speech.tempo, speech.key, speech.mode) == (None, -1, None)
    assert speech.speechiness is not None
    assert speech.speechiness > 0.9
    assert speech.instrumentalness is not None
    assert speech.instrumentalness < 0.1
    assert music.speechiness is not None
    assert music.speechiness < 0.1
    assert music.instrumentalness is not None
    assert music.instrumentalness > 0.9
    assert (music.key, music.mode) == (5, 1)


def test_speech_over_music_lies_between_speech_and_music() -> None:
    speech, music = spoken()[: round(SECONDS * RATE)], song(100, 5, 1, seconds=SECONDS)
    both = features_of(together(speech, music, 2.0)).speechiness
    assert both is not None
    assert 0.33 < both < 0.66


def test_the_loudness_of_stereo_is_the_sum_of_its_channels() -> None:
    sound = song(120, 0, 1, seconds=4)
    mono, stereo = measure_loudness(sound, RATE), analyse(np.stack([sound, sound])).loudness
    assert mono is not None
    assert stereo == pytest.approx(mono + 3.01, abs=0.05)


QUIET = song(120, 0, 1, seconds=SECONDS, gain=0.1)
CALM = song(70, 9, 0, seconds=SECONDS, drums=0, gain=0.5, harmonics=3)
LIVELY = song(140, 9, 1, seconds=SECONDS, drums=1.0, gain=2, harmonics=14)
ORDERS: list[tuple[str, str, Callable[[], Sound], Callable[[], Sound]]] = [
    ("energy", "louder", lambda: QUIET, lambda: np.clip(8 * QUIET, -1, 1)),
    ("energy", "lively", lambda: CALM, lambda: LIVELY),
    ("valence", "major", lambda: song(100, 4, 0, seconds=SECONDS), lambda: song(100, 4, 1, seconds=SECONDS)),
    ("valence", "faster", lambda: song(75, 4, 1, seconds=SECONDS), lambda: song(140, 4, 1, seconds=SECONDS)),
    ("valence", "lively", lambda: CALM, lambda: LIVELY),
    ("danceability", "beat", lambda: cadence(0, 1, chord_seconds=2), lambda: song(118, 0, 1, seconds=SECONDS)),
    ("danceability", "tempo", lambda: song(190, 0, 1, seconds=SECONDS), lambda: song(118, 0, 1, seconds=SECONDS)),
    ("danceability", "pulse", lambda: noise(SECONDS), lambda: clicks(118, SECONDS)),
    ("speechiness", "speech", lambda: LIVELY, lambda: together(spoken(), LIVELY, 0.5)),
    ("acousticness", "dark", lambda: song(118, 0, 1, harmonics=20, drums=1, seconds=SECONDS), lambda: CALM),
    ("liveness", "applause", lambda: CALM, lambda: together(CALM, applause(SECONDS, 0.03), 1)),
]


@pytest.mark.parametrize(
    ("name", "less", "more"), [row[:1] + row[2:] for row in ORDERS], ids=["-".join(row[:2]) for row in ORDERS]
)
def test_estimates_order_sounds_as_listeners_do(name: str, less: Callable[[], Sound], more: Callable[[], Sound]) -> None:
    lower, higher = getattr(features_of(less()), name), getattr(features_of(more()), name)
    assert lower is not None
    assert higher is not None
    assert lower + 0.05 < higher


@pytest.mark.parametrize("seed", range(4))
def test_all_values_are_in_range_for_random_sound(seed: int) -> None:
    random = np.random.default_rng(seed)
    levels = np.repeat(random.choice([0.0, 0.01, 0.3, 1.0], 12), RATE // 4)
    sound = np.clip(levels * random.standard_normal(len(levels)), -1, 1).astype(np.float32)
    TrackFeatures.model_validate(features_of(sound).model_dump())  # the ranges are those of its fields
