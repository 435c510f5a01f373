"""Layers of CAM++ in numpy. `forward` returns the output and the values for `backward`, the gradient of the input."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo_voice.cloning.encoders.convolution import Convolution, Plane

Floats = NDArray[np.float32]
_SEGMENT = 100
_EPSILON = 1e-5


class Head:
    """Residual network over the plane of bands and frames, which divides the bands by eight."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._first = Plane(*folded(weights, "head.conv1", "head.bn1"), stride=1)
        self._blocks = [
            Residual(weights, f"head.layer{layer}.{number}", stride=2 if number == 0 else 1)
            for layer in (1, 2)
            for number in (0, 1)
        ]
        self._last = Plane(*folded(weights, "head.conv2", "head.bn2"), stride=2)

    def forward(self, plane: Floats) -> tuple[Floats, Sequence[Any]]:
        """Turn a plane (1, bands, frames) into one of (32, bands / 8, frames)."""
        tape: list[Any] = [plane.shape]
        plane = np.maximum(self._first.forward(plane), 0)
        tape.append(plane)
        for block in self._blocks:
            plane, entry = block.forward(plane)
            tape.append(entry)
        result = np.maximum(self._last.forward(plane), 0)
        return result, [*tape, (plane.shape, result)]

    def backward(self, gradient: Floats, tape: Sequence[Any]) -> Floats:
        """Compute the gradient of the plane."""
        shape, first, *entries, (last_shape, result) = tape
        gradient = self._last.backward(np.where(result > 0, gradient, 0), last_shape)
        for block, entry in zip(reversed(self._blocks), reversed(entries), strict=True):
            gradient = block.backward(gradient, entry)
        return self._first.backward(np.where(first > 0, gradient, 0), shape)


class Residual:
    """Two convolutions with a shortcut."""

    def __init__(self, weights: Mapping[str, Floats], name: str, stride: int) -> None:
        self._one = Plane(*folded(weights, f"{name}.conv1", f"{name}.bn1"), stride=stride)
        self._two = Plane(*folded(weights, f"{name}.conv2", f"{name}.bn2"), stride=1)
        direct = f"{name}.shortcut.0.weight" in weights
        self._direct = Plane(*folded(weights, f"{name}.shortcut.0", f"{name}.shortcut.1"), stride=stride) if direct else None

    def forward(self, plane: Floats) -> tuple[Floats, Any]:
        """Turn a plane (channels, bands, frames) into one of (32, bands / stride, frames)."""
        inner = np.maximum(self._one.forward(plane), 0)
        shortcut = self._direct.forward(plane) if self._direct else plane
        result = np.maximum(self._two.forward(inner) + shortcut, 0)
        return result, (plane.shape, inner, result)

    def backward(self, gradient: Floats, tape: Any) -> Floats:
        """Compute the gradient of the input."""
        shape, inner, result = tape
        gradient = np.where(result > 0, gradient, 0)
        to_inner = np.where(inner > 0, self._two.backward(gradient, inner.shape), 0)
        by_shortcut = self._direct.backward(gradient, shape) if self._direct else gradient
        return self._one.backward(to_inner, shape) + by_shortcut


class DenseLayer:
    """A layer of a dense block: its output is appended to its input."""

    def __init__(self, weights: Mapping[str, Floats], name: str, dilation: int) -> None:
        self._scale, self._shift = normalisation(weights, f"{name}.nonlinear1.batchnorm")
        narrow, self._bias = folded(weights, f"{name}.linear1", f"{name}.nonlinear2.batchnorm")
        self._narrow = narrow[:, :, 0]
        local = weights[f"{name}.cam_layer.linear_local.weight"]
        self._local = Convolution(local, np.zeros(len(local), np.float32), dilation=dilation)
        self._one, self._one_bias = (
            weights[f"{name}.cam_layer.linear1.weight"][:, :, 0],
            weights[f"{name}.cam_layer.linear1.bias"],
        )
        self._two, self._two_bias = (
            weights[f"{name}.cam_layer.linear2.weight"][:, :, 0],
            weights[f"{name}.cam_layer.linear2.bias"],
        )
        self.added = len(local)

    def forward(self, signal: Floats) -> tuple[Floats, Any]:
        """Compute the output of a signal (channels, frames)."""
        active = np.maximum(self._scale * signal + self._shift, 0)
        inner = np.maximum(self._narrow @ active + self._bias[:, None], 0)
        frames = inner.shape[1]
        starts = np.arange(0, frames, _SEGMENT)
        counts = np.diff(starts, append=frames)
        context = inner.mean(axis=1, keepdims=True) + np.add.reduceat(inner, starts, axis=1) / counts
        activated = np.maximum(self._one @ context + self._one_bias[:, None], 0)
        mask = 0.5 + 0.5 * np.tanh((self._two @ activated + self._two_bias[:, None]) / 2)
        local = self._local.forward(inner)
        return local * np.repeat(mask, counts, axis=1), (active > 0, inner, starts, counts, activated, mask, local)

    def backward(self, gradient: Floats, tape: Any) -> Floats:
        """Compute the gradient of the input."""
        positive, inner, starts, counts, activated, mask, local = tape
        to_mask = np.add.reduceat(gradient * local, starts, axis=1)
        to_activated = np.where(activated > 0, self._two.T @ (to_mask * mask * (1 - mask)), 0)
        to_context = self._one.T @ to_activated
        to_inner = self._local.backward(gradient * np.repeat(mask, counts, axis=1), inner.shape[1])
        to_inner += to_context.sum(axis=1, keepdims=True) / inner.shape[1] + np.repeat(to_context / counts, counts, axis=1)
        to_active = self._narrow.T @ np.where(inner > 0, to_inner, 0)
        return np.asarray(np.where(positive, to_active, 0) * self._scale, np.float32)


class Transit:
    """Halves the number of channels after a dense block."""

    def __init__(self, weights: Mapping[str, Floats], name: str) -> None:
        self._scale, self._shift = normalisation(weights, f"{name}.nonlinear.batchnorm")
        self._linear = weights[f"{name}.linear.weight"][:, :, 0]

    def forward(self, signal: Floats) -> tuple[Floats, Any]:
        """Compute the output of a signal (channels, frames)."""
        active = np.maximum(self._scale * signal + self._shift, 0)
        return self._linear @ active, active > 0

    def backward(self, gradient: Floats, positive: Any) -> Floats:
        """Compute the gradient of the input."""
        return np.asarray(np.where(positive, self._linear.T @ gradient, 0) * self._scale, np.float32)


def normalisation(weights: Mapping[str, Floats], name: str) -> tuple[Floats, Floats]:
    """Return the factor and the summand of a batch normalisation in inference, each (channels, 1)."""
    factor = 1 / np.sqrt(weights[f"{name}.running_var"] + _EPSILON)
    factor = factor * weights.get(f"{name}.weight", np.float32(1))
    shift = weights.get(f"{name}.bias", np.float32(0)) - weights[f"{name}.running_mean"] * factor
    return factor[:, None].astype(np.float32), shift[:, None].astype(np.float32)


def folded(weights: Mapping[str, Floats], linear: str, normalised_by: str) -> tuple[Floats, Floats]:
    """Return the kernel and the bias of a convolution that includes the batch normalisation after it."""
    factor, shift = normalisation(weights, normalised_by)
    kernel = weights[f"{linear}.weight"]
    return kernel * factor.reshape(-1, *[1] * (kernel.ndim - 1)), shift[:, 0]
