"""Similarity of audio features, of many tracks at once."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echo_common.contracts.http.preferences import FeatureTargets
from echo_listening.domain.features import TrackFeatures

Matrix = NDArray[np.float64]

COMPARED: Final = (
    "danceability",
    "energy",
    "valence",
    "acousticness",
    "instrumentalness",
    "speechiness",
    "liveness",
    "loudness",
    "tempo",
)
"""Features that are compared; key and mode tell little about whether tracks are alike."""

_QUIETEST, _LOUDEST = -40.0, -5.0
_SLOWEST, _FASTEST = 50.0, 210.0
_WIDTH: Final = 0.15
"""Difference at which the similarity has fallen to 61 %."""

_LEAST_SHARED: Final = 3
"""Number of features that two tracks must share to be compared."""


class FeatureSpace:
    """The features of tracks, scaled to 0 to 1; not a number where one is not defined."""

    def __init__(self, features: Sequence[TrackFeatures | FeatureTargets | None]) -> None:
        values = [[None if one is None else getattr(one, name) for name in COMPARED] for one in features]
        self.scaled = _scale(np.array(values, dtype=np.float64).reshape(len(features), len(COMPARED)))

    def similarities(self, others: "FeatureSpace", least_shared: int = _LEAST_SHARED) -> Matrix:
        """Return the similarity, 0 to 1, of each track (row) to each of the others (column); 0 where too little is defined."""
        known, known_others = ~np.isnan(self.scaled), ~np.isnan(others.scaled)
        here, there = np.nan_to_num(self.scaled), np.nan_to_num(others.scaled)
        shared = known.astype(np.float64) @ known_others.T.astype(np.float64)
        squares = here**2 @ known_others.T + known @ (there**2).T - 2 * here @ there.T
        distances = np.maximum(squares, 0) / np.maximum(shared, 1)
        return np.where(shared >= least_shared, np.exp(-distances / (2 * _WIDTH**2)), 0.0)

    def closest_feature(self, row: int, others: "FeatureSpace", column: int) -> str | None:
        """Return the name of the feature in which two tracks differ least; None if none is defined for both."""
        differences = np.abs(self.scaled[row] - others.scaled[column])
        return None if np.isnan(differences).all() else COMPARED[int(np.nanargmin(differences))]


def _scale(values: Matrix) -> Matrix:
    scaled = values.copy()
    loudness, tempo = COMPARED.index("loudness"), COMPARED.index("tempo")
    scaled[:, loudness] = np.clip((values[:, loudness] - _QUIETEST) / (_LOUDEST - _QUIETEST), 0, 1)
    scaled[:, tempo] = np.clip(np.log(values[:, tempo] / _SLOWEST) / np.log(_FASTEST / _SLOWEST), 0, 1)
    return scaled
