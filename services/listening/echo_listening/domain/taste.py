"""Derivation of preferences from interactions: each has a weight by its type, which halves every 30 days."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.contracts.http.preferences import MAXIMUM_PREFERRED, FeatureTargets
from echo_common.contracts.values import InteractionType
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.interactions import Interaction
from echo_listening.domain.tracks import Track

HALF_LIFE_SECONDS: Final = 30 * 24 * 3600.0
WEIGHTS: Final[Mapping[InteractionType, float]] = {
    InteractionType.PLAY: 0.2,
    InteractionType.COMPLETE: 1.0,
    InteractionType.SKIP: -0.6,
    InteractionType.ADD: 1.5,
    InteractionType.REMOVE: -1.0,
}
OPINIONS: Final[Mapping[InteractionType, float]] = {
    InteractionType.LIKE: 3.0,
    InteractionType.UNLIKE: 0.0,
    InteractionType.DISLIKE: -5.0,
}
"""Weights of opinions; only the latest one on a track counts."""

_SKIPS_TO_EXCLUDE: Final = 2
_KNOWN_BY: Final = frozenset({InteractionType.LIKE, InteractionType.COMPLETE})

TARGETED: Final = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
)
"""Features with a mean; `key` and `mode` have none, so they are only stated."""


class Taste(BaseModel):
    """Preferred tracks, artists and genres, most preferred first, and targets of features."""

    model_config = ConfigDict(frozen=True)

    top_tracks: tuple[str, ...] = ()
    top_artists: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    features: FeatureTargets = FeatureTargets()

    def followed_by(self, other: "Taste") -> "Taste":
        """Return this taste, filled up with another one."""
        return Taste(
            top_tracks=_joined(self.top_tracks, other.top_tracks),
            top_artists=_joined(self.top_artists, other.top_artists),
            genres=_joined(self.genres, other.genres),
            features=FeatureTargets.model_validate(other.features.model_dump() | self.features.model_dump(exclude_none=True)),
        )


@dataclass(frozen=True, slots=True)
class ListenedTrack:
    """A track that the user may hear, with its features and the weight of the user's interactions with it."""

    track: Track
    features: TrackFeatures | None
    weight: float


def weigh(interactions: Iterable[Interaction], moment: datetime) -> dict[str, float]:
    """Return the weight of each track at a moment.

    Args:
        interactions: The interactions of a user, newest first.
        moment: The present time.
    """
    weights = defaultdict[str, float](float)
    with_opinion = set[str]()
    for one in interactions:
        decay = 0.5 ** (max(0.0, (moment - one.timestamp).total_seconds()) / HALF_LIFE_SECONDS)
        weight = WEIGHTS.get(one.type, 0.0)
        if one.type in OPINIONS and one.track_id not in with_opinion:
            with_opinion.add(one.track_id)
            weight = OPINIONS[one.type]
        weights[one.track_id] += weight * decay
    return dict(weights)


def find_excluded(interactions: Iterable[Interaction]) -> tuple[str, ...]:
    """Return the tracks that the user disliked, or skipped at least twice and never completed.

    Args:
        interactions: The interactions of a user, newest first.
    """
    opinions, skips, completed = dict[str, InteractionType](), Counter[str](), set[str]()
    for one in interactions:
        if one.type in OPINIONS:
            opinions.setdefault(one.track_id, one.type)
        elif one.type is InteractionType.SKIP:
            skips[one.track_id] += 1
        elif one.type is InteractionType.COMPLETE:
            completed.add(one.track_id)
    disliked = {track_id for track_id, opinion in opinions.items() if opinion is InteractionType.DISLIKE}
    skipped = {track_id for track_id, number in skips.items() if number >= _SKIPS_TO_EXCLUDE} - completed
    return tuple(sorted(disliked | skipped))


def find_known(interactions: Iterable[Interaction]) -> tuple[str, ...]:
    """Return the tracks that the user has liked or completed."""
    return tuple(sorted({one.track_id for one in interactions if one.type in _KNOWN_BY}))


def derive_taste(listened: Sequence[ListenedTrack]) -> Taste:
    """Derive preferences from the tracks that a user has listened to."""
    artists, genres = defaultdict[str, float](float), defaultdict[str, float](float)
    for one in listened:
        for artist in dict.fromkeys(one.track.artists):
            artists[artist] += one.weight
        for genre in dict.fromkeys(one.track.genres):
            genres[genre] += one.weight
    return Taste(
        top_tracks=_best({one.track.id: one.weight for one in listened}),
        top_artists=_best(artists),
        genres=_best(genres),
        features=_targets(listened),
    )


def _targets(listened: Sequence[ListenedTrack]) -> FeatureTargets:
    """Return the weighted means of the features of preferred tracks."""
    targets = dict[str, float]()
    preferred = [one for one in listened if one.weight > 0 and one.features is not None]
    for name in TARGETED:
        values = [(getattr(one.features, name), one.weight) for one in preferred]
        defined = [(value, weight) for value, weight in values if value is not None]
        if defined:
            targets[name] = round(sum(value * weight for value, weight in defined) / sum(weight for _, weight in defined), 4)
    return FeatureTargets.model_validate(targets)


def _best(weights: Mapping[str, float]) -> tuple[str, ...]:
    liked = [(-weight, name) for name, weight in weights.items() if weight > 0]
    return tuple(name for _, name in sorted(liked)[:MAXIMUM_PREFERRED])


def _joined(first: Sequence[str], then: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *then)))[:MAXIMUM_PREFERRED]
