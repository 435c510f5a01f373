"""Audio features of decoded sound."""

from typing import Final

import numpy as np

from echo_common.audio.loudness import measure_loudness
from echo_listening.domain.features import TrackFeatures
from echo_listening.features.estimates import (
    estimate_acousticness,
    estimate_danceability,
    estimate_energy,
    estimate_liveness,
    estimate_speechiness,
    estimate_valence,
    is_mostly_speech,
    measure_timbre,
)
from echo_listening.features.rhythm import NO_RHYTHM, measure_rhythm
from echo_listening.features.spectrum import RATE, BandSpectrum, Floats
from echo_listening.features.tonality import NO_TONALITY, measure_tonality
from echo_listening.features.voice import measure_voice

ANALYSER: Final = "echo-1"
"""Name and version of the definitions; a change of any of them changes it."""

_PLACES, _DECIBEL_PLACES = 4, 2


def analyse(channels: Floats) -> TrackFeatures:
    """Compute the features of finite samples of shape (channels, samples) at `RATE`; all are undefined for silence."""
    seconds = round(channels.shape[1] / RATE, 3)
    loudness = measure_loudness(channels, RATE)
    if loudness is None:
        return TrackFeatures(analysed_seconds=seconds, analyser=ANALYSER)
    mono = channels.mean(axis=0, dtype=np.float32)
    mono -= mono.mean(dtype=np.float64)
    spectrum = BandSpectrum.measure(mono)
    rhythm, tonality, voice, timbre = (
        measure_rhythm(spectrum),
        measure_tonality(mono),
        measure_voice(mono),
        measure_timbre(spectrum),
    )
    speechiness = estimate_speechiness(voice, rhythm, tonality)
    if is_mostly_speech(speechiness):
        rhythm, tonality = NO_RHYTHM, NO_TONALITY
    energy = estimate_energy(loudness, rhythm, timbre)
    valence = estimate_valence(rhythm, tonality, timbre, energy)
    return TrackFeatures(
        loudness=round(loudness, _DECIBEL_PLACES),
        tempo=None if rhythm.tempo is None else round(rhythm.tempo, _DECIBEL_PLACES),
        key=tonality.key,
        mode=tonality.mode,
        energy=_rounded(energy),
        danceability=_rounded(estimate_danceability(rhythm)),
        valence=None if valence is None else _rounded(valence),
        speechiness=_rounded(speechiness),
        instrumentalness=_rounded(1 - voice.voice),
        acousticness=_rounded(estimate_acousticness(timbre, rhythm)),
        liveness=_rounded(estimate_liveness(timbre)),
        analysed_seconds=seconds,
        analyser=ANALYSER,
    )


def _rounded(value: float) -> float:
    """Return a value from 0 to 1 with four places; sums of weights may exceed 1 by a rounding error."""
    return round(min(1.0, max(0.0, value)), _PLACES)
