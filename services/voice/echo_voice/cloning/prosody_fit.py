"""Fit of the prosody half of a style to a speaker: a mixture of stock voices, then a small map of the pitch, and a rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import PITCH_SCALES, PITCH_SHIFTS, TIMBRE
from echo_voice.cloning.decoder import PitchMap, ProsodyPredictor
from echo_voice.cloning.prosody import Contour, Prosody, describe
from echo_voice.cloning.sentences import PASSAGES
from echo_voice.cloning.stock import stock_prosody

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
_TOLERANCES = np.array([0.05, 0.2, 0.2, 0.3, 1.0])
"""Deviations that count as much as each other: log pitch, log range, log rate, length of pauses (s), loudness (dB)."""
_SPOKEN_LOUDNESS = 1.24
"""Loudness in dB of speech relative to that of its predicted energy: mean of six stock voices, 1.18 to 1.30."""
_SIMILARITY = 0.05
"""Difference of similarity that multiplies the prior weight of a voice by e."""
_PRIOR = 0.3
_STEPS, _STEP = 3000, 0.02
_SLOPES = (0.5, 1.8)
"""Limits of the change of the pitch range."""
_RATES = (0.6, 1.5)
_STEEPNESS = (0.7, 2.5)
"""Limits of the relative change of the speech's rate by that of the factor."""
_SAME_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Fitted:
    """The fitted prosody: the prosody half of the voice table (510, 128), the map of the pitch, and the rate."""

    table: Floats
    pitch: PitchMap
    rate: float


def fit(target: Prosody, similarity: Mapping[str, float], voices: Mapping[str, Floats], predictor: ProsodyPredictor) -> Fitted:
    """Fit the prosody to a speaker's.

    `similarity` is the similarity of each voice to the speaker: among mixtures that fit equally, those of similar voices are
    preferred. The predicted prosody of a mixture is about the mean of its voices'; its true one is measured, and corrects the
    second mixture. The map and the rate close the rest; the rate by secants, because the model rounds short durations to frames.
    """
    stock = {name: prosody for name, prosody in stock_prosody().items() if name in similarity}
    goal = wanted = _features(replace(target, loudness=target.loudness / _SPOKEN_LOUDNESS), stock)
    table = _mixed(_weights(goal, stock, similarity), voices)
    rate = 1.0
    reached = predict(table, predictor)
    if reached is not None:
        wanted = wanted + goal - _features(reached, stock)
        table = _mixed(_weights(wanted, stock, similarity), voices)
        rates = [_bounded(target.rate / reached.rate, _RATES)]
        reached = predict(table, predictor, rates[0]) or reached
        rates.append(_bounded(rates[0] * target.rate / reached.rate, _RATES))
        first, reached = reached, predict(table, predictor, rates[1]) or reached
        rate = _secant(rates, (first.rate, reached.rate), target.rate)
    return Fitted(table, map_pitch(reached, target) if reached is not None else PitchMap(), rate)


def predict(table: Floats, predictor: ProsodyPredictor, rate: float = 1.0) -> Prosody | None:
    """Predict the prosody of a voice from the prosody half of its table (510, 128), on all passages."""
    return describe([_contour(tokens, syllables, table, predictor, rate) for tokens, syllables in PASSAGES])


def map_pitch(predicted: Prosody, target: Prosody) -> PitchMap:
    """Compute the affine map that gives the predicted pitch the target's median and range, within limits."""
    slope = _bounded(target.spread / max(predicted.spread, 0.1), _SLOPES)
    ratio = 2 ** (predicted.spread * slope / 12)
    up, down = predicted.high - predicted.pitch, predicted.low - predicted.pitch
    scale = _bounded(target.pitch * (ratio - 1) / max(up - ratio * down, 1e-6), PITCH_SCALES)
    return PitchMap(scale, _bounded(target.pitch - scale * predicted.pitch, PITCH_SHIFTS))


def _contour(tokens: Sequence[int], syllables: int, table: Floats, predictor: ProsodyPredictor, rate: float) -> Contour:
    style = np.concatenate([np.zeros(TIMBRE, np.float32), table[len(tokens) - 1]])
    return replace(predictor.contour(tokens, style, rate), syllables=float(syllables))


def _features(prosody: Prosody, stock: Mapping[str, Prosody]) -> Doubles:
    pause = prosody.pause
    if np.isnan(pause):  # without pauses, their length is no reason to prefer a voice
        pause = float(np.nanmean([known.pause for known in stock.values()]))
    return np.array([np.log(prosody.pitch), np.log(prosody.spread + 0.1), np.log(prosody.rate), pause, prosody.loudness])


def _weights(goal: Doubles, stock: Mapping[str, Prosody], similarity: Mapping[str, float]) -> Mapping[str, float]:
    """Return the weights of the voices: at least 0, with the sum 1.

    Exponentiated gradient descent (Kivinen and Warmuth 1997) on the squared deviation, with the divergence from a prior by
    similarity.
    """
    features = np.stack([_features(prosody, stock) for prosody in stock.values()], axis=1)
    off = (features - goal[:, None]) / _TOLERANCES[:, None]
    prior = np.array([similarity[name] for name in stock]) / _SIMILARITY
    prior -= np.log(np.exp(prior - prior.max()).sum()) + prior.max()
    logs = prior.copy()
    for _ in range(_STEPS):
        gradient = 2 * off.T @ (off @ np.exp(logs)) + _PRIOR * (logs - prior)
        gradient -= gradient @ np.exp(logs)
        logs -= _STEP * gradient / max(1.0, float(np.abs(gradient).max()))
        logs -= np.log(np.exp(logs).sum())
    return dict(zip(stock, np.exp(logs).tolist(), strict=True))


def _mixed(weights: Mapping[str, float], voices: Mapping[str, Floats]) -> Floats:
    return np.asarray(sum(weight * voices[name][:, TIMBRE:] for name, weight in weights.items()), np.float32)


def _secant(rates: Sequence[float], reached: Sequence[float], target: float) -> float:
    """Return the next rate of the secant method on logarithms, for a steepness within limits."""
    factor = np.log(rates[1] / rates[0])
    steepness = _bounded(np.log(reached[1] / reached[0]) / factor, _STEEPNESS) if abs(factor) > _SAME_RATE else 1.0
    return _bounded(rates[1] * (target / reached[1]) ** (1 / steepness), _RATES)


def _bounded(value: float, limits: tuple[float, float]) -> float:
    return float(np.clip(value, *limits))
