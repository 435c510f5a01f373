from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from echo_common.audio.style_file import TIMBRE, VoiceStyle
from echo_voice.cloning.decoder import PitchMap
from echo_voice.cloning.prosody import Contour, Prosody
from echo_voice.cloning.prosody_fit import Floats, fit, map_pitch, predict
from echo_voice.cloning.stock import stock_prosody

STOCK = stock_prosody()
EQUAL = dict.fromkeys(STOCK, 0.5)
_SECONDS_A_TOKEN = 0.06


def _table(prosody: Prosody) -> Floats:
    table = np.zeros((510, 256), np.float32)
    table[:, TIMBRE:][:, :3] = np.log(prosody.pitch), prosody.spread, prosody.rate
    return table


VOICES: Mapping[str, Floats] = {name: _table(prosody) for name, prosody in STOCK.items()}
VOICES["am_michael"][:, -1] = 1  # its weight in a mixture


class StatisticsPredictor:
    """A predictor whose prosody half holds log pitch, range and rate, all in error by a factor."""

    def __init__(self, error: float = 1.0) -> None:
        self._error = error

    def contour(self, tokens: Sequence[int], style: Floats, rate: float = 1.0) -> Contour:
        height, spread, speed = style[TIMBRE:][:3].astype(np.float64)
        count = round(len(tokens) * _SECONDS_A_TOKEN * 480 / (speed * rate))
        # four fifths of the values lie between the percentiles
        semitones = np.linspace(-0.5, 0.5, count) * spread * self._error / 0.8
        return Contour(np.exp(height) * self._error * 2 ** (semitones / 12), np.zeros(count), 0.0)


def _speaker(pitch: float, spread: float, rate: float) -> Prosody:
    half = 2 ** (spread / 24)
    return Prosody(pitch / half, pitch, pitch * half, rate, np.nan, 4.2)


def _mapped(found: Prosody, pitch: PitchMap) -> Prosody:
    return replace(found, **{name: pitch.scale * getattr(found, name) + pitch.shift for name in ("low", "pitch", "high")})


@pytest.mark.parametrize("error", [1.0, 1.1])
@pytest.mark.parametrize(
    ("pitch", "spread", "rate"), [(80, 5, 1.2), (121, 8, 0.9), (170, 6, 1.0), (230, 9, 0.85), (300, 7, 1.1)]
)
def test_pitch_range_and_rate_become_the_speakers(pitch: float, spread: float, rate: float, error: float):
    predictor = StatisticsPredictor(error)
    middle = predict(VOICES["bf_emma"][:, TIMBRE:], predictor)
    assert middle is not None
    target = _speaker(pitch, spread, middle.rate * rate)
    fitted = fit(target, EQUAL, VOICES, predictor)
    spoken = predict(fitted.table, predictor, fitted.rate)
    assert spoken is not None
    said = _mapped(spoken, fitted.pitch)
    assert 12 * np.log2(said.pitch / pitch) == pytest.approx(0, abs=0.05)
    assert said.spread == pytest.approx(spread, rel=0.02)
    assert said.rate == pytest.approx(target.rate, rel=0.02)


def test_within_the_stock_voices_the_map_is_small_although_the_prediction_errs():
    target = _speaker(150, 8, STOCK["af_kore"].rate)
    fitted = fit(target, EQUAL, VOICES, StatisticsPredictor(1.1))
    reached = predict(fitted.table, StatisticsPredictor(1.1))
    assert reached is not None
    assert abs(12 * np.log2(reached.pitch / 150)) < 0.7


def test_the_prosody_is_a_mixture_of_stock_voices_that_prefers_similar_ones():
    target = _speaker(110, 9, 4.7)
    similarity = EQUAL | {"am_michael": 0.9}
    alike, equal = (fit(target, known, VOICES, StatisticsPredictor()).table for known in (similarity, EQUAL))
    assert alike[0, -1] > equal[0, -1] + 0.05
    pitches = [table[0, TIMBRE] for table in VOICES.values()]
    assert min(pitches) <= alike[0, 0] <= max(pitches)


def test_a_range_that_no_voice_reaches_is_widened_only_within_limits():
    predicted = _speaker(100, 4, 5)
    said = _mapped(predicted, map_pitch(predicted, _speaker(100, 30, 5)))
    assert said.pitch == pytest.approx(100)
    assert said.spread == pytest.approx(4 * 1.8, rel=0.01)
    assert said.low > 0


@pytest.mark.parametrize(("pitch", "spread"), [(60, 4), (450, 20), (450, 0.01)])
def test_the_map_of_any_pitch_can_be_stored(pitch: float, spread: float):
    for predicted in (_speaker(240, 12, 5), _speaker(80, 0.01, 5), _speaker(80, 0, 5)):
        found = map_pitch(predicted, _speaker(pitch, spread, 5))
        VoiceStyle(np.zeros((510, 256), np.float32), found.scale, found.shift)
