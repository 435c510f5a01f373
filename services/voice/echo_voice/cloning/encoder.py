"""Resemblyzer's speaker encoder (Apache-2.0) in numpy, with its gradient.

An embedding is a unit vector of 256 numbers. The cosine of two embeddings is at least about 0.85 for the same speaker and
about 0.6 for two random speakers. Wan et al., Generalized End-to-End Loss for Speaker Verification, 2018.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning import checkpoint

Floats = NDArray[np.float32]
RATE = 16_000
ENCODER = "speaker-encoder.npz"
"""File of the weights."""

_WINDOW, _HOP, _BANDS = 400, 160, 40
_PARTIAL = 160
_PARTIALS_A_SECOND = 1.3
_LEAST_COVERAGE = 0.75
_QUIETEST = -30.0
_LAYERS = 3
_LOUD, _FLOOR = 0.02, np.float32(1e-6)


class EncoderNetwork:
    """The network of a speaker encoder for speech at 16 kHz, with its gradients. Stateless, so threads may share it."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._cells = [(weights[f"w{layer}"], weights[f"r{layer}"], weights[f"b{layer}"]) for layer in range(_LAYERS)]
        self._linear, self._bias = weights["linear"], weights["bias"]
        self._window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        self._bank = _mel_bank()

    @classmethod
    def open(cls, path: Path) -> "EncoderNetwork":
        """Load the encoder from a file that `convert` wrote."""
        with np.load(path, allow_pickle=False) as weights:
            return cls({name: weights[name] for name in weights.files})

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length (mono float32 at 16 kHz) as a unit vector (256,). Amplifies quiet speech to -30 dBFS."""
        loud = samples * np.float32(10 ** (max(0.0, _QUIETEST - level(samples)) / 20))
        spectra, _ = self._spectra(loud)
        starts = _starts(len(loud))
        hidden, _ = self._recur(np.stack([spectra[start : start + _PARTIAL] for start in starts], axis=1))
        return _unit(_unit(np.maximum(hidden @ self._linear.T + self._bias, 0)).mean(axis=0))

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

    def likeness(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample.

        The level is not normalised.
        """
        spectra, transform = self._spectra(samples)
        starts = _starts(len(samples))
        hidden, tape = self._recur(np.stack([spectra[start : start + _PARTIAL] for start in starts], axis=1))
        raw = np.maximum(hidden @ self._linear.T + self._bias, 0)
        parts = _unit(raw)
        mean = parts.mean(axis=0)
        whole = _unit(mean)
        cosine = float(whole @ target)
        to_mean = (target - cosine * whole) / np.linalg.norm(mean)
        to_parts = np.broadcast_to(to_mean / len(starts), parts.shape)
        to_raw = (to_parts - (to_parts * parts).sum(axis=1, keepdims=True) * parts) / np.linalg.norm(raw, axis=1, keepdims=True)
        to_partials = self._recur_back(np.where(raw > 0, to_raw, 0) @ self._linear, tape)
        to_spectra = np.zeros_like(spectra)
        for number, start in enumerate(starts):
            to_spectra[start : start + _PARTIAL] += to_partials[:, number]
        return cosine, self._spectra_back(to_spectra, transform, len(samples))

    def _spectra(self, samples: Floats) -> tuple[Floats, NDArray[np.complex64]]:
        """Compute mel power spectra (frames, 40), zero-padded at the end, and return them with their short-time Fourier transform."""
        end = max(_starts(len(samples))[-1] + _PARTIAL, -(-len(samples) // _HOP)) * _HOP
        padded = np.pad(samples, (_WINDOW // 2, _WINDOW // 2 + end - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
        transform = np.fft.rfft(frames * self._window).astype(np.complex64)
        return ((transform.real**2 + transform.imag**2) @ self._bank.T).astype(np.float32), transform

    def _spectra_back(self, gradient: Floats, transform: NDArray[np.complex64], length: int) -> Floats:
        weighted = transform * (gradient @ self._bank)
        weighted[:, 1:-1] /= 2
        frames = 2 * _WINDOW * np.fft.irfft(weighted, _WINDOW) * self._window
        padded = np.zeros(len(frames) * _HOP + _WINDOW, np.float32)
        for number, frame in enumerate(frames):
            padded[number * _HOP :][:_WINDOW] += frame
        return padded[_WINDOW // 2 :][:length]

    def _recur(self, inputs: Floats) -> tuple[Floats, list[Any]]:
        """Run three LSTM layers over (time, batch, features); return the last state and the values for the backward pass."""
        tape = []
        size = self._cells[0][1].shape[1]
        for weight, recurrent, bias in self._cells:
            driven = inputs @ weight.T + bias
            states = np.zeros((len(inputs) + 1, inputs.shape[1], size), np.float32)
            cells = np.zeros_like(states)
            gates = np.empty_like(driven)
            for time, drive in enumerate(driven):
                raw = drive + states[time] @ recurrent.T
                gates[time] = 0.5 + 0.5 * np.tanh(raw / 2)
                gates[time, :, 2 * size : 3 * size] = np.tanh(raw[:, 2 * size : 3 * size])
                i, f, g, o = np.split(gates[time], 4, axis=1)
                cells[time + 1] = f * cells[time] + i * g
                states[time + 1] = o * np.tanh(cells[time + 1])
            tape.append((gates, cells))
            inputs = states[1:]
        return inputs[-1], tape

    def _recur_back(self, last: Floats, tape: Sequence[Any]) -> Floats:
        """Compute the gradient of `_recur`'s inputs from that of the last state."""
        outer = np.zeros((len(tape[0][0]), *last.shape), np.float32)
        outer[-1] = last
        for (weight, recurrent, _), (gates, cells) in zip(reversed(self._cells), reversed(tape), strict=True):
            to_raw = np.empty_like(gates)
            to_state, to_cell = np.zeros_like(last), np.zeros_like(last)
            for time in reversed(range(len(gates))):
                i, f, g, o = np.split(gates[time], 4, axis=1)
                to_state = to_state + outer[time]
                bent = np.tanh(cells[time + 1])
                to_cell = to_cell + to_state * o * (1 - bent**2)
                to_raw[time] = np.concatenate(
                    [
                        to_cell * g * i * (1 - i),
                        to_cell * cells[time] * f * (1 - f),
                        to_cell * i * (1 - g**2),
                        to_state * bent * o * (1 - o),
                    ],
                    axis=1,
                )
                to_state = to_raw[time] @ recurrent
                to_cell = to_cell * f
            outer = to_raw @ weight
        return outer


def _balance(spectra: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Compute the spectral balance, and a mask of the frames that are loud enough to count."""
    energy = spectra.sum(axis=1)
    loud = energy > _LOUD * np.percentile(energy, 95)
    mean = np.log(spectra[loud] + _FLOOR).mean(axis=0)
    return np.asarray(mean - mean.mean(), np.float32), loud


def level(samples: Floats) -> float:
    """Measure the root mean square in dBFS."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


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
    step = round(RATE / _PARTIALS_A_SECOND / _HOP)
    starts = range(0, max(1, frames - _PARTIAL + step + 1), step)
    covered = (samples - starts[-1] * _HOP) / (_PARTIAL * _HOP)
    return starts[:-1] if covered < _LEAST_COVERAGE and len(starts) > 1 else starts


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + np.float32(1e-9)), np.float32)


def _mel_bank() -> Floats:
    """Build triangular filters of equal area on Slaney's mel scale (linear to 1 kHz, logarithmic beyond): (40, 201)."""
    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, _BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    bins = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    shape = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return np.asarray(np.maximum(0, shape) * 2 / (high - low), np.float32)
