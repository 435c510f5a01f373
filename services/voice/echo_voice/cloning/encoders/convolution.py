"""Convolutions in one and two dimensions with their gradients by input."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Convolution:
    """A convolution over time of signals (channels, frames) with a centred kernel of odd length."""

    def __init__(self, kernel: Floats, bias: Floats, *, stride: int = 1, dilation: int = 1) -> None:
        self._taps = [np.ascontiguousarray(kernel[:, :, tap]) for tap in range(kernel.shape[2])]
        self._bias = bias[:, None]
        self._stride, self._dilation = stride, dilation
        self._reach = kernel.shape[2] // 2 * dilation

    def forward(self, signal: Floats) -> Floats:
        """Return the outputs (channels, frames / stride, rounded up)."""
        padded = np.pad(signal, ((0, 0), (self._reach, self._reach)))
        frames = -(-signal.shape[1] // self._stride)
        result = np.repeat(self._bias, frames, axis=1)
        for part, tap in self._shifted(padded, frames):
            result += tap @ part
        return result

    def backward(self, gradient: Floats, frames: int) -> Floats:
        """Compute the gradient of a signal of this many frames."""
        padded = np.zeros((self._taps[0].shape[1], frames + 2 * self._reach), np.float32)
        for part, tap in self._shifted(padded, gradient.shape[1]):
            part += tap.T @ gradient
        return padded[:, self._reach : self._reach + frames]

    def _shifted(self, padded: Floats, frames: int) -> Iterator[tuple[Floats, Floats]]:
        for number, tap in enumerate(self._taps):
            start = number * self._dilation
            yield padded[:, start : start + (frames - 1) * self._stride + 1 : self._stride], tap


class Plane:
    """A convolution over a plane (channels, bands, frames) with a square kernel; the stride divides the bands only."""

    def __init__(self, kernel: Floats, bias: Floats, *, stride: int) -> None:
        self._taps = {
            (band, frame): np.ascontiguousarray(kernel[:, :, band, frame])
            for band in range(kernel.shape[2])
            for frame in range(kernel.shape[3])
        }
        self._bias = bias[:, None, None]
        self._stride, self._reach = stride, kernel.shape[2] // 2

    def forward(self, plane: Floats) -> Floats:
        """Return the outputs (channels, bands / stride, rounded up, frames)."""
        channels, bands, frames = plane.shape
        padded = np.pad(plane, ((0, 0), (self._reach, self._reach), (self._reach, self._reach)))
        shape = (-(-bands // self._stride), frames)
        stacked = np.concatenate([part.reshape(channels, -1) for part, _ in self._shifted(padded, shape)])
        weights = np.concatenate(list(self._taps.values()), axis=1)
        return np.asarray((weights @ stacked).reshape(-1, *shape) + self._bias, np.float32)

    def backward(self, gradient: Floats, shape: tuple[int, ...]) -> Floats:
        """Compute the gradient of a plane of this shape."""
        channels, bands, frames = shape
        padded = np.zeros((channels, bands + 2 * self._reach, frames + 2 * self._reach), np.float32)
        flat = gradient.reshape(len(gradient), -1)
        for part, tap in self._shifted(padded, gradient.shape[1:]):
            part += (tap.T @ flat).reshape(part.shape)
        return padded[:, self._reach : self._reach + bands, self._reach : self._reach + frames]

    def _shifted(self, padded: Floats, shape: tuple[int, ...]) -> Iterator[tuple[Floats, Floats]]:
        bands, frames = shape
        for (band, frame), tap in self._taps.items():
            yield padded[:, band : band + (bands - 1) * self._stride + 1 : self._stride, frame : frame + frames], tap
