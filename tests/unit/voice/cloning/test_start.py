from collections.abc import Callable, Sequence

import numpy as np
import pytest

from echo_voice.cloning.decoder import UNCHANGED, Floats, Gradient, PitchMap, Plan
from echo_voice.cloning.start import TIMBRE, start
from echo_voice.cloning.stock import stock_embeddings

KNOWN = stock_embeddings()
PITCHES = {"af_heart": 200.0, "am_onyx": 80.0, "bm_lewis": 100.0}


def _table(mark: float) -> Floats:
    return np.full((510, 256), mark, np.float32)


class PitchDecoder:
    """A decoder whose pitch is the prosody of the voice."""

    def plan(self, tokens: Sequence[int], style: Floats, pitch: PitchMap = UNCHANGED) -> Plan:
        return Plan({}, float(style[TIMBRE]))

    def speak(
        self, plan: Plan, timbre: Floats, modulation: Floats | None = None
    ) -> tuple[Floats, Callable[[Floats], Gradient]]:
        return np.zeros(1, np.float32), lambda gradient: Gradient(np.zeros_like(timbre), np.zeros(1, np.float32))


def _speech(pitch: float) -> Floats:
    time = np.arange(16_000) / 16_000
    return np.asarray(sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 12)) / 5, np.float32)


def _start(recording: Floats) -> Floats:
    voices = {name: _table(pitch) for name, pitch in PITCHES.items()}
    return start([recording], KNOWN["am_onyx"], voices, PitchDecoder(), (1, 2, 3))


@pytest.mark.parametrize("pitch", [80, 100, 200])
def test_timbre_comes_from_the_most_similar_voice_and_prosody_from_the_same_pitch(pitch: int):
    table = _start(_speech(pitch))
    assert (table[:, :TIMBRE] == PITCHES["am_onyx"]).all()
    assert (table[:, TIMBRE:] == pitch).all()


def test_prosody_is_interpolated_between_two_voices():
    assert 110 < _start(_speech(140))[0, TIMBRE] < 190


def test_without_pitch_the_most_similar_voice_is_used_unchanged():
    assert (_start(np.zeros(16_000, np.float32)) == PITCHES["am_onyx"]).all()


def test_embeddings_of_all_28_english_voices_are_included():
    assert len(KNOWN) == 28
    assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-2) for vector in KNOWN.values())
