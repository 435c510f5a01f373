"""Recommendation of tracks by preferences and features, each with its main reason. Pure: no I/O."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from echo_common.contracts.http.preferences import FeatureTargets
from echo_common.contracts.http.recommendations import ReasonCode
from echo_listening.domain.feature_space import FeatureSpace, Matrix
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.taste import Taste

WEIGHTS: Final[Mapping[ReasonCode, float]] = {
    ReasonCode.STATED: 0.3,
    ReasonCode.SIMILAR_TO_LIKED: 0.35,
    ReasonCode.SAME_ARTIST: 0.3,
    ReasonCode.SAME_GENRE: 0.25,
    ReasonCode.SAME_VOICE: 0.1,
    ReasonCode.LISTENED_TOGETHER: 0.3,
    ReasonCode.FEATURE_TARGET: 0.15,
    ReasonCode.POPULAR: 0.1,
}
SIMILARITY_WEIGHTS: Final[Mapping[ReasonCode, float]] = {
    ReasonCode.SIMILAR_FEATURES: 0.5,
    ReasonCode.SAME_ARTIST: 0.3,
    ReasonCode.SAME_GENRE: 0.2,
    ReasonCode.SAME_VOICE: 0.1,
    ReasonCode.LISTENED_TOGETHER: 0.4,
}
_KNOWN: Final = 0.5
"""Factor of tracks that the user has liked or completed, so that others come first."""

_LAST: Final = 0.5
"""Worth of the last one of a list of preferences; that of the first one is 1."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track that may be recommended. `popularity` is 0 to 1, as `together`: how many listeners of preferred tracks listen to it.

    `spotify_track` is a track of Spotify that the user does not have; `track_id` is then that of Spotify.
    """

    track_id: str
    artists: Sequence[str] = ()
    genres: Sequence[str] = ()
    voice_id: str | None = None
    popularity: float = 0.0
    features: TrackFeatures | None = None
    spotify_id: str | None = None
    together: float = 0.0
    spotify_track: SpotifyTrack | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """The preferences of a user: stated ones, and all; tracks to leave out; and tracks that the user has liked or completed."""

    stated: Taste
    taste: Taste
    excluded: Collection[str] = ()
    known: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """The main reason of a recommendation, with the feature, artist or other property in common."""

    code: ReasonCode
    track_id: str | None = None
    artist: str | None = None
    genre: str | None = None
    voice_id: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A track with its score, 0 to 1."""

    track_id: str
    score: float
    reason: Reason
    spotify_track: SpotifyTrack | None = None


def recommend(candidates: Sequence[Candidate], listener: Listener, limit: int) -> list[Recommendation]:
    """Return the tracks with the highest scores, highest first; candidates come newest first, and equal ones stay so.

    The score is the weighted mean of its parts, of which those without a preference of the user are left out.
    """
    left = [one for one in candidates if one.track_id not in listener.excluded]
    if not left:
        return []
    return _Scoring(left, listener).best(limit)


def find_similar(track: Candidate, candidates: Sequence[Candidate], limit: int) -> list[Recommendation]:
    """Return the tracks that are most similar to a track, most similar first; those with nothing in common are left out."""
    others = [one for one in candidates if one.track_id != track.track_id]
    if not others:
        return []
    space, own = FeatureSpace([one.features for one in others]), FeatureSpace([track.features])
    parts: dict[ReasonCode, Matrix] = {
        ReasonCode.SAME_ARTIST: np.array([_overlap(one.artists, track.artists) for one in others]),
        ReasonCode.SAME_GENRE: np.array([_overlap(one.genres, track.genres) for one in others]),
        ReasonCode.SAME_VOICE: np.array([float(one.voice_id is not None and one.voice_id == track.voice_id) for one in others]),
        ReasonCode.SIMILAR_FEATURES: space.similarities(own)[:, 0],
        ReasonCode.LISTENED_TOGETHER: np.array([one.together for one in others]),
    }
    has = {
        ReasonCode.SAME_ARTIST: bool(track.artists),
        ReasonCode.SAME_GENRE: bool(track.genres),
        ReasonCode.SAME_VOICE: track.voice_id is not None,
        ReasonCode.SIMILAR_FEATURES: track.features is not None,
        ReasonCode.LISTENED_TOGETHER: any(one.together > 0 for one in others),
    }
    weighted: dict[ReasonCode, Matrix] = {code: SIMILARITY_WEIGHTS[code] * part for code, part in parts.items() if has[code]}
    if not weighted:
        return []
    scores = np.sum(list(weighted.values()), axis=0) / sum(SIMILARITY_WEIGHTS[code] for code in weighted)

    def reason(row: int) -> Reason:
        code = max(weighted, key=lambda one: float(weighted[one][row]))
        other = others[row]
        return Reason(
            code,
            artist=_first_common(track.artists, other.artists) if code is ReasonCode.SAME_ARTIST else None,
            genre=_first_common(track.genres, other.genres) if code is ReasonCode.SAME_GENRE else None,
            voice_id=track.voice_id if code is ReasonCode.SAME_VOICE else None,
            feature=space.closest_feature(row, own, 0) if code is ReasonCode.SIMILAR_FEATURES else None,
        )

    rows = [row for row in _order(scores, limit) if scores[row] > 0]
    return [_recommendation(others[row], scores[row], reason(row)) for row in rows]


class _Scoring:
    """The parts of the scores of candidates for one user."""

    def __init__(self, candidates: Sequence[Candidate], listener: Listener) -> None:
        self._candidates = candidates
        self._listener = listener
        taste = listener.taste
        rows = {one.track_id: row for row, one in enumerate(candidates)}
        self._seeds = [rows[track_id] for track_id in taste.top_tracks if track_id in rows]
        self._artists, self._genres = _worths(taste.top_artists), _worths(taste.genres)
        self._voices = _worths([voice for row in self._seeds if (voice := candidates[row].voice_id) is not None])
        self._space = FeatureSpace([one.features for one in candidates])
        self._seed_space = FeatureSpace([candidates[row].features for row in self._seeds])
        self._target = FeatureSpace([taste.features])
        self._similar = self._similarities_to_seeds()
        self._parts = self._weighted_parts()

    def best(self, limit: int) -> list[Recommendation]:
        """Return the candidates with the highest scores."""
        scores = np.sum(list(self._parts.values()), axis=0) / sum(WEIGHTS[code] for code in self._parts)
        known = np.array([one.track_id in self._listener.known for one in self._candidates])
        scores = np.where(known, _KNOWN * scores, scores)
        return [_recommendation(self._candidates[row], scores[row], self._reason(row)) for row in _order(scores, limit)]

    def _weighted_parts(self) -> Mapping[ReasonCode, Matrix]:
        """Return the parts for which the user has a preference, by the reason that they are."""
        stated = _worths(self._listener.stated.top_tracks)
        parts: dict[ReasonCode, Sequence[float] | Matrix] = {ReasonCode.POPULAR: [one.popularity for one in self._candidates]}
        if stated:
            parts[ReasonCode.STATED] = [stated.get(one.track_id, 0.0) for one in self._candidates]
        if self._seeds:
            parts[ReasonCode.SIMILAR_TO_LIKED] = self._similar.max(axis=1)
        if self._artists:
            parts[ReasonCode.SAME_ARTIST] = [_worth(one.artists, self._artists) for one in self._candidates]
        if self._genres:
            parts[ReasonCode.SAME_GENRE] = [_worth(one.genres, self._genres) for one in self._candidates]
        if any(one.together > 0 for one in self._candidates):
            parts[ReasonCode.LISTENED_TOGETHER] = [one.together for one in self._candidates]
        if self._voices:
            parts[ReasonCode.SAME_VOICE] = [self._voices.get(one.voice_id or "", 0.0) for one in self._candidates]
        if self._listener.taste.features != FeatureTargets():
            parts[ReasonCode.FEATURE_TARGET] = self._space.similarities(self._target, least_shared=1)[:, 0]
        return {code: WEIGHTS[code] * np.asarray(part, dtype=np.float64) for code, part in parts.items()}

    def _similarities_to_seeds(self) -> Matrix:
        """Return the similarity of each candidate to each preferred track but itself; less for those preferred less."""
        found = self._space.similarities(self._seed_space)
        for column, row in enumerate(self._seeds):
            found[row, column] = 0.0
        places = np.linspace(1.0, _LAST, max(2, len(self._seeds)))[: len(self._seeds)]
        return found * places

    def _reason(self, row: int) -> Reason:
        candidate, stated = self._candidates[row], self._listener.stated
        code = max(self._parts, key=lambda one: float(self._parts[one][row]))
        if self._parts[code][row] <= 0:
            return Reason(ReasonCode.RECENT)
        if code is ReasonCode.STATED:
            return Reason(code, track_id=candidate.track_id)
        if code is ReasonCode.SIMILAR_TO_LIKED:
            column = int(self._similar[row].argmax())
            feature = self._space.closest_feature(row, self._seed_space, column)
            return Reason(code, track_id=self._candidates[self._seeds[column]].track_id, feature=feature)
        if code is ReasonCode.SAME_ARTIST:
            artist = _first_common(self._artists, candidate.artists)
            return Reason(ReasonCode.STATED if artist in stated.top_artists else code, artist=artist)
        if code is ReasonCode.SAME_GENRE:
            genre = _first_common(self._genres, candidate.genres)
            return Reason(ReasonCode.STATED if genre in stated.genres else code, genre=genre)
        if code is ReasonCode.SAME_VOICE:
            return Reason(code, voice_id=candidate.voice_id)
        if code is ReasonCode.FEATURE_TARGET:
            return Reason(code, feature=self._space.closest_feature(row, self._target, 0))
        return Reason(code)


def _worths(preferred: Sequence[str]) -> dict[str, float]:
    """Return the worth of each preferred one by its place."""
    names = list(dict.fromkeys(preferred))
    return {name: 1.0 - (1.0 - _LAST) * place / len(names) for place, name in enumerate(names)}


def _worth(names: Sequence[str], worths: Mapping[str, float]) -> float:
    return max((worths.get(name, 0.0) for name in names), default=0.0)


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the part that two sets have in common."""
    first, second = set(one), set(other)
    return len(first & second) / len(first | second) if first and second else 0.0


def _first_common(preferred: Collection[str], names: Collection[str]) -> str | None:
    return next((name for name in preferred if name in names), None)


def _order(scores: Matrix, limit: int) -> list[int]:
    """Return the rows with the highest scores; equal ones in their order."""
    return [int(row) for row in np.argsort(-scores, kind="stable")[:limit]]


def _recommendation(candidate: Candidate, score: float, reason: Reason) -> Recommendation:
    return Recommendation(candidate.track_id, round(min(1.0, max(0.0, float(score))), 4), reason, candidate.spotify_track)
