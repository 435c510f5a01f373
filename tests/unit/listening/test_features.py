"""Audio features are finite and in their ranges."""

import math

import pytest
from pydantic import ValidationError

from echo_listening.domain.features import NO_KEY, TrackFeatures


def test_features_of_silence_are_undefined() -> None:
    silence = TrackFeatures()

    assert silence.key == NO_KEY
    assert (silence.mode, silence.loudness, silence.tempo, silence.energy) == (None, None, None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", -2),
        ("key", 12),
        ("mode", 2),
        ("energy", 1.01),
        ("valence", -0.01),
        ("tempo", 0.0),
        ("tempo", math.inf),
        ("loudness", math.nan),
        ("danceability", math.nan),
    ],
)
def test_values_outside_their_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError):
        TrackFeatures.model_validate({name: value})


@pytest.mark.parametrize(("name", "value"), [("key", -1), ("key", 11), ("mode", 0), ("energy", 1.0), ("tempo", 400.0)])
def test_values_within_their_range_are_kept(name: str, value: float) -> None:
    assert getattr(TrackFeatures.model_validate({name: value}), name) == value
