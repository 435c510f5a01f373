"""Parts that the spectral features of the speaker encoders share."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Spectrum = NDArray[np.complex64]
RATE = 16_000


def power(spectrum: Spectrum) -> Floats:
    """Compute the power of each bin."""
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def power_backward(spectrum: Spectrum, gradient: Floats, size: int) -> Floats:
    """Compute the gradient of frames of `size` PCM samples from that of their power spectra."""
    weighted = spectrum * gradient
    weighted[:, 1:-1] /= 2
    return np.asarray(2 * size * np.fft.irfft(weighted, size), np.float32)


def overlap_add(frames: Floats, hop: int, length: int) -> Floats:
    """Add frames up, each `hop` PCM samples after the one before, to a signal of at least this length."""
    samples = np.zeros(max(length, (len(frames) - 1) * hop + frames.shape[1]), np.float32)
    for number, frame in enumerate(frames):
        samples[number * hop :][: len(frame)] += frame
    return samples


def mel_bank(bands: int, size: int) -> Floats:
    """Build triangular filters of equal area on Slaney's mel scale (linear to 1 kHz, logarithmic beyond): (bands, size / 2 + 1)."""
    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    heights = 2 / (edges[2:] - edges[:-2])
    return triangles(np.linspace(0, RATE / 2, size // 2 + 1), edges) * heights[:, None].astype(np.float32)


def triangles(bins: NDArray[np.float64], edges: NDArray[np.float64]) -> Floats:
    """Build triangular filters of height 1 over bins; each begins and ends at the peaks of its neighbours."""
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.asarray(np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))), np.float32)
