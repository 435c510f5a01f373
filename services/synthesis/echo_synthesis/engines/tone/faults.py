"""Faults as in the output of real models, runtimes and providers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engine import Speech, WordTime

_LONG_SECONDS = 600
_PEAK = 1.5
_HISS = 0.1


def inject_faults(speech: Speech, words: Collection[str], take: int = 0) -> Speech:
    """Apply the faults that the words request to the speech of a take."""
    if "tone-clip" in words or ("tone-clip-once" in words and take == 0):
        speech = replace(speech, samples=np.clip(4 * speech.samples, -0.9, 0.9).astype(np.float32))
    for word, fault in _FAULTS.items():
        if word in words:
            speech = fault(speech)
    return speech


def _samples(change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Callable[[Speech], Speech]:
    return lambda speech: replace(speech, samples=change(speech.samples).astype(np.float32))


def _words(change: Callable[[tuple[WordTime, ...], float], tuple[WordTime, ...]]) -> Callable[[Speech], Speech]:
    return lambda speech: replace(speech, words=change(speech.words, speech.duration))


def _quiet_end(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.arange(len(samples)) < len(samples) // 3, samples, np.float32(0.0))


def _hiss(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, _HISS, len(samples)).astype(np.float32)


_FAULTS: Mapping[str, Callable[[Speech], Speech]] = {
    "tone-nan": _samples(lambda samples: np.full_like(samples, np.nan)),
    "tone-inf": _samples(lambda samples: np.full_like(samples, np.inf)),
    "tone-silence": _samples(np.zeros_like),
    "tone-loud": _samples(lambda samples: samples * 100),
    "tone-hiss": _samples(_hiss),
    "tone-peak": _samples(lambda samples: samples * (_PEAK / np.abs(samples).max())),
    "tone-short": _samples(lambda samples: samples[: len(samples) // 100]),
    "tone-long": _samples(lambda samples: np.resize(samples, _LONG_SECONDS * 16_000)),
    "tone-cut": _samples(lambda samples: samples[: len(samples) // 2]),
    "tone-quiet-end": _samples(_quiet_end),
    "tone-late": _words(lambda words, duration: tuple(WordTime(time.start + duration, time.end + duration) for time in words)),
    "tone-backwards": _words(lambda words, _: words[::-1]),
    "tone-timeless": _words(lambda words, _: ()),
    "tone-nan-time": _words(lambda words, _: (WordTime(float("nan"), float("nan")), *words[1:])),
    "tone-rate": lambda speech: replace(speech, sample_rate=speech.sample_rate // 2),
}
