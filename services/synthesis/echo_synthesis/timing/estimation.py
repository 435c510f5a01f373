"""Estimation of word timings from the audio alone, for engines without their own."""

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engine import Phone, Utterance, WordTime

FRAME = 0.01
"""Length in seconds of one frame of `sounding`."""

_QUIET = 10 ** (-38 / 20)
"""Silence threshold, relative to the loud parts."""

_PAUSE_FRAMES = 8
"""Minimum frames of a pause; shorter silences belong to words, such as the closure of a p, t or k."""

_SIGN, _DIGIT, _WIDE, _WORD = 6.0, 4.0, 4.0, 0.5
"""Relative durations, in letters: of a symbol, a digit, a wide East Asian character, and the constant part of a word."""


def sounding(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.bool_]:
    """Return for each frame of `FRAME` seconds whether it contains sound; silences too short for a pause count as sound."""
    size = round(sample_rate * FRAME)
    count = len(samples) // size
    frames = samples[: count * size].reshape(count, size)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1)) if count else np.zeros(0)
    loud = level > max(1e-4, float(np.percentile(level, 95)) * _QUIET) if count else np.zeros(0, np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], loud, [True]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        inside = start > 0 and end < count
        if inside and end - start < _PAUSE_FRAMES:
            loud[start:end] = True
    return np.asarray(loud, np.bool_)


def estimate(utterance: Utterance, samples: NDArray[np.float32], sample_rate: int) -> tuple[WordTime, ...]:
    """Estimate the timings of the utterance's words: the sounding frames are shared by the words' relative durations.

    Silence at the ends and pauses in the middle belong to no word.
    """
    if not utterance.words:
        return ()
    duration = len(samples) / sample_rate
    sound = sounding(samples, sample_rate)
    if not sound.any():
        sound = np.ones(max(1, len(sound)), np.bool_)
    weights = np.array([_weight(utterance.text[word.start : word.end]) for word in utterance.words])
    shares = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    heard = np.concatenate([[0], np.cumsum(sound)])
    bounds = shares * heard[-1]
    starts = _when(heard, bounds[:-1], after=True)
    ends = _when(heard, bounds[1:], after=False)
    return tuple(
        WordTime(min(float(start), duration), min(float(max(start, end)), duration))
        for start, end in zip(starts, ends, strict=True)
    )


def spread_phones(phones: Sequence[Sequence[Phone]], words: Sequence[WordTime]) -> tuple[tuple[Phone, ...], ...]:
    """Return the sounds of each word with equal shares of its time; `phones` may be empty."""
    return tuple(tuple(_spread(sounds, word)) for sounds, word in zip(phones, words, strict=True)) if phones else ()


def _spread(phones: Sequence[Phone], word: WordTime) -> Iterator[Phone]:
    edges = np.linspace(word.start, word.end, len(phones) + 1).tolist()
    for phone, start, end in zip(phones, edges, edges[1:], strict=False):
        yield Phone(phone.symbol, start, end)


def _when(heard: NDArray[np.int_], bounds: NDArray[np.float64], *, after: bool) -> NDArray[np.float64]:
    """Return the times at which `bounds` frames have sounded; if a pause starts there, the time before or `after` it."""
    frame = np.searchsorted(heard, bounds + (1e-6 if after else -1e-6), side="right" if after else "left")
    frame = np.clip(frame, 1, len(heard) - 1)
    return np.asarray((frame - 1 + np.clip(bounds - heard[frame - 1], 0.0, 1.0)) * FRAME, np.float64)


def _weight(word: str) -> float:
    return _WORD + sum(map(_length, word))


def _length(character: str) -> float:
    category = unicodedata.category(character)
    if category.startswith("N"):
        return _DIGIT
    if category == "Lo" and unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    if category.startswith("L"):
        return 1.0
    return _SIGN if category.startswith("S") else 0.0


def texts(utterance: Utterance) -> Sequence[str]:
    """Return the utterance's words."""
    return [utterance.text[word.start : word.end] for word in utterance.words]
