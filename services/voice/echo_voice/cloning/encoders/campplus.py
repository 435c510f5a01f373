"""The speaker encoder CAM++ of 3D-Speaker (Apache-2.0) in numpy, with its gradient.

A small two-dimensional convolutional network and a densely connected time delay network, whose layers are weighted by the
context of the whole utterance and of each second. An embedding is a unit vector of 192 numbers. Wang et al., CAM++: A Fast and
Efficient Network for Speaker Verification Using Context-Aware Masking, 2023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.encoders import checkpoint
from echo_voice.cloning.encoders.campplus_layers import DenseLayer, Head, Transit, folded, normalisation
from echo_voice.cloning.encoders.convolution import Convolution
from echo_voice.cloning.encoders.embeddings import cosine, mean_direction
from echo_voice.cloning.encoders.fbank import FRAME, HOP, FilterBank
from echo_voice.cloning.encoders.spectra import RATE

Floats = NDArray[np.float32]
CAMPPLUS = "campplus-zh-en.pt"
"""File of the weights."""

_BLOCKS = ((12, 1), (24, 2), (16, 2))
_LONGEST = 10 * RATE
_LEAST = FRAME + 7 * HOP
_EPSILON = 1e-5


class CampPlus:
    """The network CAM++ for speech at 16 kHz, with its gradient. Stateless, so threads may share it."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._bank = FilterBank()
        self._head = Head(weights)
        self._first = Convolution(*folded(weights, "xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm"), stride=2)
        self._blocks = [
            [DenseLayer(weights, f"xvector.block{block}.tdnnd{layer}", dilation) for layer in range(1, layers + 1)]
            for block, (layers, dilation) in enumerate(_BLOCKS, 1)
        ]
        self._transits = [Transit(weights, f"xvector.transit{block}") for block in range(1, len(_BLOCKS) + 1)]
        self._scale, self._shift = normalisation(weights, "xvector.out_nonlinear.batchnorm")
        dense, bias = folded(weights, "xvector.dense.linear", "xvector.dense.nonlinear.batchnorm")
        self._dense, self._bias = dense[:, :, 0], bias

    @classmethod
    def open(cls, path: Path) -> "CampPlus":
        """Load the encoder from the checkpoint of 3D-Speaker."""
        return cls(checkpoint.read(path))

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length (mono float32 at 16 kHz) as a unit vector (192,): the mean of parts of at most 10 s."""
        return mean_direction(np.stack([self._forward(part)[0] for part in _parts(samples)]))

    def similarity(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample."""
        passes = [self._forward(part) for part in _parts(samples)]
        found, to_vectors = cosine(np.stack([vector for vector, _ in passes]), target)
        gradients = [self._backward(gradient, tape) for gradient, (_, tape) in zip(to_vectors, passes, strict=True)]
        return found, np.concatenate(gradients)[: len(samples)]

    def _forward(self, samples: Floats) -> tuple[Floats, "_Tape"]:
        features = self._bank.compute(samples)
        planes, head = self._head.forward(np.ascontiguousarray(features.values.T)[None])
        first = np.maximum(self._first.forward(planes.reshape(-1, planes.shape[-1])), 0)
        signal, blocks, transits = first, [], []
        for layers, transit in zip(self._blocks, self._transits, strict=True):
            tapes = []
            for layer in layers:
                added, tape = layer.forward(signal)
                signal = np.concatenate([signal, added])
                tapes.append(tape)
            blocks.append(tapes)
            signal, active = transit.forward(signal)
            transits.append(active)
        active = np.maximum(self._scale * signal + self._shift, 0)
        mean = active.mean(axis=1)
        spread = np.sqrt(np.maximum(active.var(axis=1, ddof=1), _EPSILON**2))
        vector = self._dense @ np.concatenate([mean, spread]) + self._bias
        return vector, _Tape(len(samples), features, planes.shape, head, first, blocks, transits, active, mean, spread)

    def _backward(self, gradient: Floats, tape: "_Tape") -> Floats:
        to_mean, to_spread = np.split(gradient @ self._dense, 2)
        active, frames = tape.active, tape.active.shape[1]
        to_active = to_mean[:, None] / frames + (to_spread / tape.spread / (frames - 1))[:, None] * (
            active - tape.mean[:, None]
        )
        to_signal = np.where(active > 0, to_active, 0) * self._scale
        for number in reversed(range(len(self._blocks))):
            to_signal = self._transits[number].backward(to_signal, tape.transits[number])
            for layer, entry in zip(reversed(self._blocks[number]), reversed(tape.blocks[number]), strict=True):
                to_signal = to_signal[: -layer.added] + layer.backward(to_signal[-layer.added :], entry)
        to_planes = self._first.backward(np.where(tape.first > 0, to_signal, 0), tape.shape[-1]).reshape(tape.shape)
        to_features = self._head.backward(to_planes, tape.head)[0].T
        return self._bank.backward(to_features, tape.features, tape.length)


@dataclass(frozen=True, slots=True)
class _Tape:
    length: int
    features: Any
    shape: tuple[int, ...]
    head: Sequence[Any]
    first: Floats
    blocks: Sequence[Sequence[Any]]
    transits: Sequence[Floats]
    active: Floats
    mean: Floats
    spread: Floats


def _parts(samples: Floats) -> Sequence[Floats]:
    """Cut samples into equal parts of at most 10 s; very short ones are padded."""
    padded = np.pad(samples, (0, max(0, _LEAST - len(samples))))
    return np.array_split(padded, -(-len(padded) // _LONGEST))
