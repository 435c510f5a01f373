"""Use cases of recommendations: tracks for the user, and tracks similar to another one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import AnalysisStatus, TrackSource
from echo_listening.dependencies import Dependencies
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.recommendations import Candidate, Listener, Recommendation, find_similar, recommend
from echo_listening.domain.taste import Taste
from echo_listening.domain.tracks import Track
from echo_listening.usecases import tracks
from echo_listening.usecases.features import status_of

_CANDIDATES: Final = 10_000
"""Maximum number of candidates, the newest ones."""

_BATCH: Final = 500
_FULL_POPULARITY: Final = 100

Recommended = Sequence[tuple[Recommendation, Track, AnalysisStatus]]
"""Recommendations with their tracks, and the status of their features."""


async def recommend_tracks(
    principal: Principal, deps: Dependencies, *, limit: int, source: TrackSource | None = None, playable: bool = False
) -> Recommended:
    """Return the tracks that suit the user best among those that the user may hear."""
    preferences = await deps.preferences.find_one({"_id": principal.user_id})
    listener = Listener(Taste(), Taste())
    if preferences is not None:
        listener = Listener(
            stated=preferences.stated,
            taste=preferences.stated.followed_by(preferences.derived),
            excluded=frozenset(preferences.excluded),
            known=frozenset(preferences.known),
        )
    found, analyses = await _read_candidates(principal.user_id, deps, source=source, playable=playable)
    candidates = [_to_candidate(track, analyses.get(track.id)) for track in found]
    best = await asyncio.to_thread(recommend, candidates, listener, limit)
    return _with_tracks(best, found, analyses)


async def find_similar_tracks(track_id: str, principal: Principal, deps: Dependencies, *, limit: int) -> Recommended:
    """Return the tracks of the user that are most similar to one that the user may hear. Raises `TrackNotFoundError`."""
    track = await tracks.find_audible(track_id, principal, deps)
    analysis = await deps.analyses.find_one({"_id": track_id})
    found, analyses = await _read_candidates(principal.user_id, deps)
    candidates = [_to_candidate(one, analyses.get(one.id)) for one in found]
    best = await asyncio.to_thread(find_similar, _to_candidate(track, analysis), candidates, limit)
    return _with_tracks(best, found, analyses)


async def _read_candidates(
    user_id: str, deps: Dependencies, *, source: TrackSource | None = None, playable: bool = False
) -> tuple[Sequence[Track], Mapping[str, TrackAnalysis]]:
    """Return the newest tracks of the user, and their analyses."""
    where: dict[str, Any] = {"user_id": user_id}
    if source is not None:
        where["source"] = source.value
    if playable:
        where["object_key"] = {"$exists": True}
    newest = deps.tracks.find(where, sort=[("created_at", -1)], limit=_CANDIDATES)
    found = [track async for track in newest]
    with_audio = [track.id for track in found if track.object_key is not None]
    analyses = dict[str, TrackAnalysis]()
    for start in range(0, len(with_audio), _BATCH):
        analyses |= await deps.analyses.of_tracks(with_audio[start : start + _BATCH])
    return found, analyses


def _to_candidate(track: Track, analysis: TrackAnalysis | None) -> Candidate:
    return Candidate(
        track_id=track.id,
        artists=track.artists,
        genres=track.genres,
        voice_id=track.voice_id,
        popularity=(track.popularity or 0) / _FULL_POPULARITY,
        features=None if analysis is None else analysis.features,
    )


def _with_tracks(best: Sequence[Recommendation], found: Sequence[Track], analyses: Mapping[str, TrackAnalysis]) -> Recommended:
    by_id = {track.id: track for track in found}
    chosen = [(one, by_id[one.track_id]) for one in best]
    return [(one, track, status_of(track, analyses.get(track.id))) for one, track in chosen]
