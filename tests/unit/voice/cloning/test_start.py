from collections.abc import Sequence

import numpy as np
import pytest

from echo_common.audio.style_file import TIMBRE
from echo_voice.cloning.decoder import UNCHANGED, Floats
from echo_voice.cloning.prosody import Contour
from echo_voice.cloning.start import Start, start
from echo_voice.cloning.stock import WHISPERING, stock_embeddings, stock_prosody
from tests.support.recordings import harmonics

KNOWN = stock_embeddings()
PITCHES = {name: prosody.pitch for name, prosody in stock_prosody().items()}


class PitchPredictor:
    """A predictor whose pitch is the prosody of the voice."""

    def contour(self, tokens: Sequence[int], style: Floats, rate: float = 1.0) -> Contour:
        return Contour(style[TIMBRE] * np.linspace(0.8, 1.2, 200), np.zeros(200), 0.0)


def _start(recording: Floats, target: str) -> Start:
    voices = {name: np.full((510, 256), pitch, np.float32) for name, pitch in PITCHES.items()}
    # no recording is as similar to a voice as the voice itself
    return start([recording], 0.6 * KNOWN[target], voices, PitchPredictor())


@pytest.mark.parametrize("name", ["am_onyx", "bf_emma", "am_michael"])
def test_timbre_comes_from_the_most_similar_voice_of_the_pitch(name: str):
    assert (_start(harmonics(PITCHES[name], 1), name).table[:, :TIMBRE] == np.float32(PITCHES[name])).all()


@pytest.mark.parametrize(("target", "pitch"), [("am_onyx", 280), ("af_bella", 75)])
def test_a_similar_voice_of_a_far_pitch_is_no_start(target: str, pitch: float):
    chosen = _start(harmonics(pitch, 1), target).table[0, 0]
    assert abs(np.log(chosen / pitch)) < abs(np.log(PITCHES[target] / pitch))


@pytest.mark.parametrize("name", sorted(WHISPERING))
def test_a_whispering_voice_is_no_start(name: str):
    for recording in (harmonics(PITCHES[name], 1), np.zeros(16_000, np.float32)):
        assert _start(recording, name).table[0, 0] != np.float32(PITCHES[name])


@pytest.mark.parametrize("pitch", [80, 121, 190, 300])
def test_prosody_has_the_pitch_of_the_recordings(pitch: float):
    begin = _start(harmonics(pitch, 1), "bf_emma")
    assert begin.pitch.scale * begin.table[0, TIMBRE] + begin.pitch.shift == pytest.approx(pitch, rel=0.02)


def test_without_pitch_the_most_similar_voice_is_used_unchanged():
    begin = _start(np.zeros(16_000, np.float32), "am_onyx")
    assert (begin.table == np.float32(PITCHES["am_onyx"])).all()
    assert (begin.pitch, begin.rate) == (UNCHANGED, 1.0)


def test_embeddings_and_prosody_of_all_28_english_voices_are_included():
    assert len(KNOWN) == 28
    assert set(PITCHES) == set(KNOWN)
    assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-2) for vector in KNOWN.values())
