"""Port of a speaker encoder that training can optimise."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class TrainableEncoder(Protocol):
    """A speaker encoder for mono speech at 16 kHz, float32, with its gradient. Stateless, so threads may share it."""

    def embed(self, samples: Floats) -> Floats:
        """Embed speech of any length as a unit vector."""
        ...

    def likeness(self, samples: Floats, target: Floats) -> tuple[float, Floats]:
        """Return the cosine of an utterance's embedding and a unit target, and its gradient by PCM sample."""
        ...
