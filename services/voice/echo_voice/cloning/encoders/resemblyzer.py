"""Resemblyzer's speaker encoder (Apache-2.0) in numpy, with its gradient.

An embedding is a unit vector of 256 numbers. The cosine of two embeddings is at least about 0.85 for the same speaker and
about 0.6 for two random speakers. Wan et al., Generalized End-to-End Loss for Speaker Verification, 2018.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.encoders import checkpoint, lstm
from echo_voice.cloning.encoders import spectra as features
from echo_voice.cloning.encoders.embeddings import cosine, mean_direction
from echo_voice.cloning.levels import level

Floats = NDArray[np.float32]
RESEMBLYZER = "speaker-encoder.npz"
"""File of the weights."""

_WINDOW, _HOP, _BANDS = 400, 160, 40
_PARTIAL = 160
_PARTIALS_A_SECOND = 1.3
_LEAST_COVERAGE = 0.75
_QUIETEST = -30.0
_LAYERS = 3
_LOUD, _FLOOR = 0.02, np.float32(1e-6)


class Resemblyzer:
    """The network of Resemblyzer for speech at 16 kHz, with its gradients. Stateless, so threads may share it."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._cells = [(weights[f"w{layer}"], weights[f"r{layer}"], weights[f"b{layer}"]) for layer in range(_LAYERS)]
        self._linear, self._bias = weights["linear"], weights["bias"]
        self._window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        self._bank = features.mel_bank(_BANDS, _WINDOW)

    @classmethod
    def open(cls, path: Path) -> "Resemblyzer":
        """Load the encoder from a file that `convert` wrote."""
        with np.load(path, allow_pickle=False) as weights:
            return cls({name: weights[name] for name in weights.files})

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length (mono float32 at 16 kHz) as a unit vector (256,). Amplifies quiet speech to -30 dBFS."""
        loud = samples * np.float32(10 ** (max(0.0, _QUIETEST - level(samples)) / 20))
        spectra, _ = self._spectra(loud)
        starts = _starts(len(loud))
        hidden = lstm.last_state(self._cells, np.stack([spectra[start : start + _PARTIAL] for start in starts], axis=1))
        return mean_direction(np.maximum(hidden @ self._linear.T + self._bias, 0))

    def spectral_balance(self, samples: Floats) -> Floats:
        """Compute the spectral balance of speech: its mean log mel spectrum (40,), independent of its level."""
        return _balance(self._spectra(samples)[0])[0]

    def spectral_loss(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the mean square error of the spectral balance against a target, in nepers of power, and its gradient by PCM sample."""
        spectra, transform = self._spectra(samples)
        balance, loud = _balance(spectra)
        off = balance - target
        to_spectra = np.zeros_like(spectra)
        to_spectra[loud] = 2 * (off - off.mean()) / _BANDS / loud.sum() / (spectra[loud] + _FLOOR)
        return float(np.mean(off**2)), self._spectra_back(to_spectra, transform, len(samples))

    def similarity(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample.

        The level is not normalised.
        """
        spectra, transform = self._spectra(samples)
        starts = _starts(len(samples))
        hidden, tape = lstm.forward(self._cells, np.stack([spectra[start : start + _PARTIAL] for start in starts], axis=1))
        raw = np.maximum(hidden @ self._linear.T + self._bias, 0)
        found, to_raw = cosine(raw, target)
        to_partials = lstm.backward(self._cells, np.where(raw > 0, to_raw, 0) @ self._linear, tape)
        to_spectra = np.zeros_like(spectra)
        for number, start in enumerate(starts):
            to_spectra[start : start + _PARTIAL] += to_partials[:, number]
        return found, self._spectra_back(to_spectra, transform, len(samples))

    def _spectra(self, samples: Floats) -> tuple[Floats, NDArray[np.complex64]]:
        """Compute mel power spectra (frames, 40), zero-padded at the end, and return them with their short-time Fourier transform."""
        end = max(_starts(len(samples))[-1] + _PARTIAL, -(-len(samples) // _HOP)) * _HOP
        padded = np.pad(samples, (_WINDOW // 2, _WINDOW // 2 + end - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
        transform = np.fft.rfft(frames * self._window).astype(np.complex64)
        return features.power(transform) @ self._bank.T, transform

    def _spectra_back(self, gradient: Floats, transform: NDArray[np.complex64], length: int) -> Floats:
        frames = features.power_backward(transform, gradient @ self._bank, _WINDOW) * self._window
        return features.overlap_add(frames, _HOP, len(frames) * _HOP + _WINDOW)[_WINDOW // 2 :][:length]


def _balance(spectra: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Compute the spectral balance, and a mask of the frames that are loud enough to count."""
    energy = spectra.sum(axis=1)
    loud = energy > _LOUD * np.percentile(energy, 95)
    mean = np.log(spectra[loud] + _FLOOR).mean(axis=0)
    return np.asarray(mean - mean.mean(), np.float32), loud


def convert(source: Path, target: Path) -> None:
    """Convert the package's `pretrained.pt` to arrays that need no PyTorch (6 MB).

    Raises:
        NotACheckpointError: `source` is not a checkpoint.
    """
    state = checkpoint.read(source)["model_state"]
    arrays: dict[str, Floats] = {"linear": state["linear.weight"], "bias": state["linear.bias"]}
    for layer in range(_LAYERS):
        arrays[f"w{layer}"] = state[f"lstm.weight_ih_l{layer}"]
        arrays[f"r{layer}"] = state[f"lstm.weight_hh_l{layer}"]
        arrays[f"b{layer}"] = state[f"lstm.bias_ih_l{layer}"] + state[f"lstm.bias_hh_l{layer}"]
    with target.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _starts(samples: int) -> Sequence[int]:
    """Return the first frames of the parts to embed, 1.6 s each; the last part counts only if three quarters of it exist."""
    frames = -(-(samples + 1) // _HOP)
    step = round(features.RATE / _PARTIALS_A_SECOND / _HOP)
    starts = range(0, max(1, frames - _PARTIAL + step + 1), step)
    covered = (samples - starts[-1] * _HOP) / (_PARTIAL * _HOP)
    return starts[:-1] if covered < _LEAST_COVERAGE and len(starts) > 1 else starts
