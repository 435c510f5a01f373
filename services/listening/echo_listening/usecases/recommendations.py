"""Use cases of recommendations: tracks for the user, and tracks similar to another one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import AnalysisStatus, TrackSource
from echo_listening.dependencies import Dependencies
from echo_listening.domain.recommendations import Candidate, Listener, Recommendation, find_similar, recommend
from echo_listening.domain.taste import Taste
from echo_listening.domain.tracks import Track
from echo_listening.usecases import features, tracks

_CANDIDATES: Final = 10_000
"""Maximum number of candidates, the newest ones."""

Recommended = Sequence[tuple[Recommendation, Track, AnalysisStatus]]
"""Recommendations with their tracks, and the status of their features."""


async def recommend_tracks(
    principal: Principal, deps: Dependencies, *, limit: int, source: TrackSource | None = None, playable: bool = False
) -> Recommended:
    """Return the tracks that suit the user best among the newest ones of the user."""
    preferences = await deps.preferences.find_one({"_id": principal.user_id})
    listener = Listener(Taste(), Taste())
    if preferences is not None:
        listener = Listener(
            stated=preferences.stated,
            taste=preferences.stated.followed_by(preferences.derived),
            excluded=frozenset(preferences.excluded),
            known=frozenset(preferences.known),
        )
    candidates = await _read_candidates(principal.user_id, deps, source=source, playable=playable)
    return await _with_tracks(await asyncio.to_thread(recommend, candidates, listener, limit), deps)


async def find_similar_tracks(track_id: str, principal: Principal, deps: Dependencies, *, limit: int) -> Recommended:
    """Return the user's tracks that are most similar to one that the user may hear. Raises `TrackNotFoundError`."""
    track = await tracks.find_audible(track_id, principal, deps)
    analysis = await deps.analyses.find_one({"_id": track_id})
    this = Candidate(
        track_id=track.id,
        artists=track.artists,
        genres=track.genres,
        voice_id=track.voice_id,
        features=None if analysis is None else analysis.features,
    )
    candidates = await _read_candidates(principal.user_id, deps)
    return await _with_tracks(await asyncio.to_thread(find_similar, this, candidates, limit), deps)


async def _read_candidates(
    user_id: str, deps: Dependencies, *, source: TrackSource | None = None, playable: bool = False
) -> Sequence[Candidate]:
    """Return the newest tracks of the user with their features."""
    where: dict[str, Any] = {"user_id": user_id}
    if source is not None:
        where["source"] = source.value
    if playable:
        where["object_key"] = {"$exists": True}
    found = await deps.tracks.candidates(where, _CANDIDATES)
    known = await deps.analyses.features_of_user(user_id)
    return [replace(one, features=known.get(one.track_id)) for one in found]


async def _with_tracks(best: Sequence[Recommendation], deps: Dependencies) -> Recommended:
    """Read the recommended tracks; those that were deleted meanwhile are left out."""
    track_ids = [one.track_id for one in best]
    found = {track.id: track async for track in deps.tracks.find({"_id": {"$in": track_ids}})} if track_ids else {}
    statuses = await features.find_statuses(list(found.values()), deps)
    return [(one, found[one.track_id], statuses[one.track_id]) for one in best if one.track_id in found]
