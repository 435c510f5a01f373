"""Unit vectors of voices, and the similarity of an utterance that is embedded in parts."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Scale vectors (the last axis) to length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + np.float32(1e-9)), np.float32)


def mean_direction(vectors: Floats) -> Floats:
    """Return the unit vector (d,) of the mean of the vectors' (n, d) directions."""
    return unit(unit(vectors).mean(axis=0))


def cosine(vectors: Floats, target: Floats) -> tuple[float, Floats]:
    """Return the cosine of the vectors' mean direction and a unit target (d,), and its gradient by the vectors (n, d)."""
    directions = unit(vectors)
    mean = directions.mean(axis=0)
    whole = unit(mean)
    found = float(whole @ target)
    by_direction = (target - found * whole) / np.linalg.norm(mean) / len(vectors)
    across = by_direction - (directions @ by_direction)[:, None] * directions
    return found, np.asarray(across / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
