"""Kokoro backends without a model: correct and incorrect variants."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engines.kokoro.correctness import SENTENCES, Sentence, _mel_filters, reference
from echo_synthesis.engines.kokoro.runtimes import SAMPLES_A_FRAME, UNADAPTED, Adaptation

_WINDOW = 2048
_PADDING = (_WINDOW - SAMPLES_A_FRAME) // 2
Output = tuple[NDArray[np.float32], NDArray[np.float32]]


class Correct:
    """A backend whose output has the spectrum and the durations of the reference."""

    def __init__(self, home: Path, threads: int) -> None:
        _count_opening(home, type(self).__name__)

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        (sentence,) = (sentence for sentence in SENTENCES if np.array_equal(sentence.tokens(), tokens))
        return _resynthesized(sentence), reference()[sentence].durations.astype(np.float32)

    def release_memory(self) -> None:
        pass


class Slower(Correct):
    """A correct backend that is slower."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        for _ in range(4):
            np.sort(np.random.default_rng(1).random(100_000))
        return super().run(tokens, style, speed, adaptation)


class NotANumber(Correct):
    """NaN output, as from a model compiled for another precision on a processor with AMX."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        return np.full(tokens.size * SAMPLES_A_FRAME, np.nan, np.float32), np.ones(tokens.size, np.float32)


class Silent(Correct):
    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        return np.zeros_like(samples), durations


class Faint(Correct):
    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        return samples * np.float32(0.1), durations


class OneFrame(Correct):
    """A single frame of finite sound per token."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, _ = super().run(tokens, style, speed, adaptation)
        return samples[: tokens.size * SAMPLES_A_FRAME], np.ones(tokens.size, np.float32)


class Stretched(Correct):
    """Output a tenth longer than the reference and otherwise equal."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        longer = durations.copy()
        longer[::2] += 1
        return np.resize(samples, int(longer.sum()) * SAMPLES_A_FRAME), longer


class Cut(Correct):
    """Fewer samples than the durations require."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        return samples[: len(samples) // 2], durations


class Noise(Correct):
    """Noise of the reference's duration and level."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        noise = np.random.default_rng(1).standard_normal(len(samples)) * np.sqrt(np.mean(samples**2))
        return noise.astype(np.float32), durations


class Shifted(Correct):
    """Correct sounds at wrong times."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> Output:
        samples, durations = super().run(tokens, style, speed, adaptation)
        return np.roll(samples, 4 * SAMPLES_A_FRAME), durations


class Raises(Correct):
    def __init__(self, home: Path, threads: int) -> None:
        raise RuntimeError("no such kernel")


class Crashes(Correct):
    """A backend that ends its process, as an illegal instruction does."""

    def __init__(self, home: Path, threads: int) -> None:
        os._exit(132)


class Hangs(Correct):
    def __init__(self, home: Path, threads: int) -> None:
        import signal

        signal.pause()


def make_home(home: Path) -> Path:
    """Create a model folder with voices and without a model."""
    (home / "voices").mkdir(parents=True, exist_ok=True)
    for sentence in SENTENCES:
        np.zeros((510, 256), np.float32).tofile(home / "voices" / f"{sentence.voice}.bin")
    return home


def openings(home: Path) -> list[str]:
    """Return the opened backends, in order."""
    path = home / "openings.txt"
    return path.read_text().split() if path.exists() else []


def _count_opening(home: Path, name: str) -> None:
    with (home / "openings.txt").open("a") as kept:
        kept.write(f"{name}\n")


@lru_cache
def _resynthesized(sentence: Sentence) -> NDArray[np.float32]:
    """Sound of the reference's spectrum (Griffin and Lim 1984)."""
    expected = reference()[sentence]
    magnitude = _magnitudes(10 ** (expected.spectrum / 10))
    random = np.random.default_rng(1)
    samples = _overlapped(magnitude * np.exp(2j * np.pi * random.random(magnitude.shape)))
    for _ in range(30):
        samples = _overlapped(magnitude * np.exp(1j * np.angle(_transformed(samples))))
    level = 10 ** (expected.level / 20)
    return np.asarray(samples * (level / np.sqrt(np.mean(samples**2))), np.float32)


def _magnitudes(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative power of each frequency whose bands are `mel`, by multiplicative updates."""
    filters = _mel_filters()
    power = mel @ filters + 1e-9
    for _ in range(60):
        power *= (mel @ filters) / (power @ filters.T @ filters + 1e-12)
    return np.sqrt(power)


def _transformed(samples: NDArray[np.float64]) -> NDArray[np.complex128]:
    padded = np.pad(samples, (_PADDING, _WINDOW))
    count = len(samples) // SAMPLES_A_FRAME
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::SAMPLES_A_FRAME][:count]
    return np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)


def _overlapped(spectra: NDArray[np.complex128]) -> NDArray[np.float64]:
    window = np.hanning(_WINDOW)
    length = len(spectra) * SAMPLES_A_FRAME
    samples, weight = np.zeros(length + 2 * _WINDOW), np.full(length + 2 * _WINDOW, 1e-9)
    for number, frame in enumerate(np.fft.irfft(spectra, _WINDOW, axis=1)):
        place = slice(number * SAMPLES_A_FRAME, number * SAMPLES_A_FRAME + _WINDOW)
        samples[place] += frame * window
        weight[place] += window**2
    return np.asarray((samples / weight)[_PADDING : _PADDING + length])
