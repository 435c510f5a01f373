"""Watermark in speech: keyed ratios between the energies of neighbouring frequency bands. It has no payload.

Each block of 32 ms has 24 pairs of bands, 94 Hz wide, from 300 Hz to 4.8 kHz. The key gives each pair of 64 consecutive blocks a
lattice of energy ratios, 8 dB apart, with a pseudo-random position. Marking moves each ratio towards the nearest point of its
lattice by changing both bands by at most 1.25 dB; the change follows the speech, which masks it. This is quantization index
modulation (Chen and Wornell 2001, "Quantization index modulation", IEEE Trans. Information Theory 47(4)) of a keyed, repeated
pattern of blocks as in Kirovski and Malvar 2003 ("Spread-spectrum watermarking of audio signals", IEEE Trans. Signal Processing
51(4)). Ratios survive changes of volume; lossy codecs and resampling preserve them well enough.

Detection computes the phase of each ratio within its lattice and correlates the phases with those of the key, for all positions
of the pattern. In audio without the watermark every phase difference is uniformly distributed over the keys, whatever the audio
is. By Hoeffding's bound for such sums, the normalised correlation exceeds t with a probability of at most exp(-t²/2).
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCKS: Final = 64
"""Blocks after which the pattern repeats."""

PAIRS: Final = 24
DETECTION_RATE: Final = 16_000
"""Sample rate in Hz of the detector's input."""

FALSE_ALARMS: Final = 1e-6
"""Maximum probability of a detection in a file without the watermark, over the keys: 1 % for 10,000 files."""

_BLOCK_SECONDS: Final = 0.032
_LOWEST_HERTZ: Final = 300.0
_BAND_HERTZ: Final = 93.75
_STEP: Final = 8.0
_MOST: Final = 2.5
"""Largest move of a ratio in dB; each of the two bands takes half."""

_QUIET: Final = 1e-9
"""Root mean square of a block below which it stays bit-identical: no codec preserves it.

AAC preserves speech that is much quieter than the resolution of 16 bits, so speech at a tiny volume can be amplified again.
"""

_MEASURED: Final = 0.75
"""Part of a frame of two blocks, in its middle, whose energies are measured: there its neighbours have little influence."""

_FLOORS: Final = (1e-4, 1e-5, 1e-6)
"""Energies of a band, relative to the loudest one of a window, below which the detector ignores it: -40, -50 and -60 dB.

Each is tried: a high one excludes noise and what codecs replace, a low one includes more of clean speech.
"""

_POSITIONS: Final = 4
"""Positions within a block that the detector tries."""

_FRAMES_AT_ONCE: Final = 256
_TINY: Final = 1e-20


@dataclass(frozen=True, slots=True)
class WatermarkPattern:
    """The positions of the lattices that a key defines: parts of a step in the shape (BLOCKS, PAIRS)."""

    phases: NDArray[np.float64]

    @classmethod
    def of(cls, key: bytes) -> "WatermarkPattern":
        """Derive the pattern from a secret key."""
        drawn = hashlib.shake_256(b"echo watermark 1\0" + key).digest(4 * BLOCKS * PAIRS)
        return cls(np.frombuffer(drawn, "<u4").reshape(BLOCKS, PAIRS) / 2.0**32)


class Watermarker:
    """A streaming marker of mono speech at `rate` Hz. The output has as many samples as the input, up to 64 ms late.

    It depends on the samples alone, not on their split into calls. Silence stays bit-identical.
    """

    def __init__(self, pattern: WatermarkPattern, rate: int) -> None:
        self._hop = round(rate * _BLOCK_SECONDS)
        self._bands = _Bands(rate, 2 * self._hop)
        self._phases = pattern.phases[:, : self._bands.pairs]
        self._window = np.sin(np.pi * (np.arange(2 * self._hop) + 0.5) / (2 * self._hop))
        self._waiting = np.zeros(self._hop, np.float32)
        self._change = np.zeros(self._hop)
        self._lead = self._hop  # samples before the first one
        self._block = self._fed = self._given = 0

    def feed(self, samples: Floats) -> Floats:
        """Process any number of samples and return the output available so far."""
        self._fed += len(samples)
        return self._advance(samples)

    def close(self) -> Floats:
        """Return the remaining samples. Do not call `feed` afterwards."""
        missing = self._fed - self._given
        return self._advance(np.zeros(3 * self._hop, np.float32))[:missing]

    def _advance(self, samples: Floats) -> Floats:
        waiting = np.concatenate([self._waiting, samples])
        hop, done = self._hop, []
        while (count := min(_FRAMES_AT_ONCE, len(waiting) // hop - 1)) > 0:
            frames = np.lib.stride_tricks.sliding_window_view(waiting[: (count + 1) * hop], 2 * hop)[::hop]
            changes = self._changes(frames)
            self._block += count
            total = changes[:, :hop].copy()
            total[0] += self._change
            total[1:] += changes[:-1, hop:]
            self._change = changes[-1, hop:].copy()
            done.append(waiting[: count * hop] + total.ravel().astype(np.float32))
            waiting = waiting[count * hop :]
        self._waiting = waiting.copy()  # a view would keep the whole array in memory
        ready = np.concatenate([np.zeros(0, np.float32), *done])
        lead = min(self._lead, len(ready))
        self._lead -= lead
        self._given += len(ready) - lead
        return ready[lead:]

    def _changes(self, frames: Floats) -> NDArray[np.float64]:
        """Return what is to be added to each frame of two blocks."""
        loud = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1)) >= _QUIET
        changes = np.zeros(frames.shape)
        if not loud.any():
            return changes
        numbers = (self._block + np.flatnonzero(loud)) % BLOCKS
        heard = frames[loud]
        ratios = self._bands.ratios(self._bands.energies(heard))
        moves = (_STEP * self._phases[numbers] - ratios + _STEP / 2) % _STEP - _STEP / 2
        gains = 10 ** (np.clip(moves, -_MOST, _MOST) / 40)  # half of the move, as an amplitude
        spectra = np.fft.rfft(heard * self._window)
        factors = np.zeros(spectra.shape)
        factors[:, self._bands.bins] = self._bands.spread(np.stack([gains, 1 / gains], axis=2).reshape(len(gains), -1) - 1)
        changes[loud] = np.fft.irfft(spectra * factors, frames.shape[1]) * self._window
        return changes


class WatermarkDetector:
    """A streaming detector for mono samples at `DETECTION_RATE`, in constant memory.

    It searches windows of two pattern lengths (4.1 s), each overlapping the one before by half, and the rest. The permitted
    probability of a false alarm is divided among the windows, of which a file may have any number.
    """

    def __init__(self, pattern: WatermarkPattern) -> None:
        hop = round(DETECTION_RATE * _BLOCK_SECONDS)
        self._step = hop // _POSITIONS
        self._frame = 2 * hop
        self._bands = _Bands(DETECTION_RATE, self._frame)
        self._expected = np.fft.fft(np.exp(2j * np.pi * pattern.phases), axis=0).conj()
        self._waiting = np.zeros(0, np.float32)
        self._before: NDArray[np.float64] | None = None
        self._windows = 0
        self.found = False
        self.score = 0.0

    def feed(self, samples: Floats) -> bool:
        """Search any number of samples; return whether the watermark was found so far."""
        self._waiting = np.concatenate([self._waiting, samples])
        frames = BLOCKS * _POSITIONS
        needed = (frames - 1) * self._step + self._frame
        while len(self._waiting) >= needed:
            self._search(self._waiting[:needed])
            self._waiting = self._waiting[frames * self._step :].copy()
        return self.found

    def close(self) -> bool:
        """Search the remaining samples; return whether the watermark was found."""
        if len(self._waiting) >= self._frame:
            self._search(self._waiting)
        return self.found

    def _search(self, samples: Floats) -> None:
        """Search a pattern length of samples, or less at the end, together with the one before."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._frame)[:: self._step]
        energies = self._bands.energies(frames)
        missing = BLOCKS * _POSITIONS - len(energies)
        part = np.pad(energies, ((0, missing), (0, 0)))
        window = np.stack([part] if self._before is None else [self._before, part])
        self._before = part
        self._windows += 1
        score = self._correlate(window)
        self.score = max(self.score, score)
        self.found = self.found or score > detection_threshold(self._windows)

    def _correlate(self, window: NDArray[np.float64]) -> float:
        """Return the highest normalised correlation of energies in the shape (parts, frames, bands) with the pattern."""
        phases = np.exp(2j * np.pi / _STEP * self._bands.ratios(window))
        weaker = np.minimum(window[..., 0::2], window[..., 1::2])
        return max(self._correlate_phases(phases * (weaker > floor * window.max() + _TINY)) for floor in _FLOORS)

    def _correlate_phases(self, phases: NDArray[np.complex128]) -> float:
        folded = phases.sum(axis=0).reshape(BLOCKS, _POSITIONS, PAIRS)
        spectra = np.fft.fft(folded, axis=0) * self._expected[:, None, :]
        correlations = np.fft.ifft(spectra.sum(axis=2), axis=0).real
        deviations = np.sqrt(np.square(np.abs(folded)).sum(axis=(0, 2)) / 2 + _TINY)
        return float((correlations / deviations).max())


def detection_threshold(window: int) -> float:
    """Return the score above which the given window of a file (from 1) has the watermark.

    The probabilities of a false alarm in the windows are proportional to 1/n²; their sum is at most `FALSE_ALARMS`.
    """
    share = FALSE_ALARMS * 6 / (math.pi * window) ** 2
    return math.sqrt(2 * math.log(BLOCKS * _POSITIONS * len(_FLOORS) / share))


def to_detection_rate(samples: Floats, rate: int) -> Floats:
    """Convert all samples of a recording at `rate` Hz for the detector."""
    return samples if rate == DETECTION_RATE else np.asarray(soxr.resample(samples, rate, DETECTION_RATE), np.float32)


class _Bands:
    """The bands of the watermark in the spectrum of frames of `size` samples at `rate` Hz."""

    def __init__(self, rate: int, size: int) -> None:
        self.pairs = min(PAIRS, int((rate / 2 - _LOWEST_HERTZ) / (2 * _BAND_HERTZ)))
        hertz = _LOWEST_HERTZ + _BAND_HERTZ * np.arange(2 * self.pairs + 1)
        edges = np.ceil(hertz * size / rate - 1e-9).astype(int)
        self.bins = slice(int(edges[0]), int(edges[-1]))
        self._starts = edges[:-1] - edges[0]
        self._widths = np.diff(edges)
        measured = 2 * round(_MEASURED * size / 2)
        beside = (size - measured) // 2
        self._window = np.pad(np.hanning(measured + 2)[1:-1], (beside, size - measured - beside))

    def energies(self, frames: Floats) -> NDArray[np.float64]:
        """Return the energies of the bands in the middle of each frame."""
        spectra = np.fft.rfft(frames * self._window)[:, self.bins]
        # sums within a row: a matrix product may round differently for another number of rows
        return np.add.reduceat(np.square(spectra.real) + np.square(spectra.imag), self._starts, axis=1)

    def ratios(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ratio of each pair of bands in dB."""
        levels = 10 * np.log10(energies + _TINY)
        return np.asarray(levels[..., 0::2] - levels[..., 1::2])

    def spread(self, bands: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value of its band for each bin."""
        return np.repeat(bands, self._widths, axis=1)
