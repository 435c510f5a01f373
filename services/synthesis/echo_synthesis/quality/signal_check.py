"""Cheap checks of finished speech: silence, clipping and duration."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.values import SpeechProblem
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.quality.calibration import WIDEST_PACE, find_bounds
from echo_synthesis.speech_check import SILENT, count_letters

_LONGEST_SILENCE_SECONDS = 2.0
"""Silence between sounds that no punctuation explains, at the natural pace."""

_FRAME_SECONDS = 0.02
_FLAT_RUN = 4
"""Consecutive samples at the peak that speech does not have unless it is clipped."""

_CLIPPED_SHARE = 0.001
_CLIPPED_FROM = 0.5
"""Peak below which nothing is clipped."""

_FEWEST_LETTERS = 20
"""Letters from which on the pace is judged; shorter texts are dominated by the silence around them."""


def find_problems(utterance: Utterance, speech: Speech) -> tuple[SpeechProblem, ...]:
    """Return the problems of speech that is plausible for the utterance."""
    return tuple(_find_problems(utterance, speech))


def _find_problems(utterance: Utterance, speech: Speech) -> Iterator[SpeechProblem]:
    if count_letters(utterance) and longest_silence(speech) > _LONGEST_SILENCE_SECONDS / min(1.0, utterance.speed):
        yield "silent"
    if clipped_share(speech.samples) > _CLIPPED_SHARE:
        yield "clipped"
    pace, bounds = measure_pace(utterance, speech), find_bounds(utterance.language)
    slowest, fastest = WIDEST_PACE if bounds is None else (bounds.slowest, bounds.fastest)
    if pace is not None and not slowest <= pace <= fastest:
        yield "duration"


def measure_pace(utterance: Utterance, speech: Speech) -> float | None:
    """Return the letters a second at the natural pace; None for texts that are too short."""
    letters = count_letters(utterance)
    return letters / (speech.duration * utterance.speed) if letters >= _FEWEST_LETTERS else None


def longest_silence(speech: Speech) -> float:
    """Return the seconds of the longest silence, at the beginning and the end too."""
    size = round(speech.sample_rate * _FRAME_SECONDS)
    frames = np.pad(speech.samples, (0, -len(speech.samples) % size)).reshape(-1, size)
    silent = frames.max(axis=1) - frames.min(axis=1) < 2 * SILENT
    return int(_runs(silent).max(initial=0)) * _FRAME_SECONDS


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Return the share of samples in flat runs at the positive or the negative peak."""
    if not len(samples):
        return 0.0
    return _flat_share(samples) + _flat_share(-samples)


def _flat_share(samples: NDArray[np.float32]) -> float:
    peak = float(samples.max())
    if peak < _CLIPPED_FROM:
        return 0.0
    runs = _runs(samples >= peak * 0.999)
    return float(runs[runs >= _FLAT_RUN].sum()) / len(samples)


def _runs(holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the lengths of the runs in which a condition holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], holds.astype(np.int8), [0]])))
    return np.asarray(edges[1::2] - edges[::2], np.int64)
