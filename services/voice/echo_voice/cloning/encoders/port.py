"""Ports of a speaker encoder, and of one that training can optimise."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Encoder(Protocol):
    """A speaker encoder for mono speech at 16 kHz, float32. Stateless, so threads may share it."""

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length as a unit vector."""
        ...


class TrainableEncoder(Encoder, Protocol):
    """A speaker encoder with its gradient."""

    def similarity(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample."""
        ...
