"""Use cases of recommendations: tracks for the user, and tracks similar to another one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import AnalysisStatus, TrackSource
from echo_listening.dependencies import Dependencies
from echo_listening.domain.listener_counts import count_listeners
from echo_listening.domain.recommendations import Candidate, Listener, Recommendation, find_similar, recommend
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.taste import Taste
from echo_listening.domain.tracks import Track
from echo_listening.repository.tracks import FULL_POPULARITY
from echo_listening.usecases import features, tracks

_CANDIDATES: Final = 10_000
"""Maximum number of candidates, the newest ones."""

_SPOTIFY_TRACKS: Final = 100
"""Maximum number of tracks of Spotify that the user does not have."""

Recommended = Sequence[tuple[Recommendation, tuple[Track, AnalysisStatus] | None]]
"""Recommendations, those of the user's tracks with the track and the status of its features."""


async def recommend_tracks(
    principal: Principal, deps: Dependencies, *, limit: int, source: TrackSource | None = None, playable: bool = False
) -> Recommended:
    """Return the tracks that suit the user best among the newest ones of the user."""
    preferences = await deps.preferences.find_one({"_id": principal.user_id})
    listener = Listener(Taste(), Taste())
    if preferences is not None:
        listener = Listener(
            stated=preferences.all_stated,
            taste=preferences.all_stated.followed_by(preferences.derived),
            excluded=frozenset(preferences.excluded),
            known=frozenset(preferences.known),
        )
    own = await _read_candidates(principal.user_id, deps, source=source, playable=playable)
    known = preferences.known_spotify_ids if preferences is not None else ()
    with_others = not playable and source in {None, TrackSource.SPOTIFY}
    candidates = await _compare_with_others(own, known, principal.user_id, deps, popular=True, with_others=with_others)
    return await _with_tracks(await asyncio.to_thread(recommend, candidates, listener, limit), deps)


async def find_similar_tracks(track_id: str, principal: Principal, deps: Dependencies, *, limit: int) -> Recommended:
    """Return the user's tracks that are most similar to one that the user may hear. Raises `TrackNotFoundError`."""
    track = await tracks.find_audible(track_id, principal, deps)
    analysis = await deps.analyses.find_one({"_id": track_id})
    if analysis is None:
        await features.queue_analysis(track_id, deps)
    this = Candidate(
        track_id=track.id,
        artists=track.artists,
        genres=track.genres,
        voice_id=track.voice_id,
        features=None if analysis is None else analysis.features,
    )
    own = await _read_candidates(principal.user_id, deps)
    known = () if track.spotify_id is None else (track.spotify_id,)
    candidates = await _compare_with_others(own, known, principal.user_id, deps)
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


async def _compare_with_others(
    own: Sequence[Candidate],
    known: Sequence[str],
    user_id: str,
    deps: Dependencies,
    *,
    popular: bool = False,
    with_others: bool = True,
) -> Sequence[Candidate]:
    """Compare with the tracks of Spotify that other users know, and add those that the user does not have.

    Args:
        own: The user's tracks.
        known: Spotify ids of tracks that the user listens to.
        user_id: The user, who does not count.
        deps: The dependencies.
        popular: Also add tracks that are not listened to beside `known`.
        with_others: Add tracks that the user does not have.
    """
    together = count_listeners(await deps.preferences.spotify_ids_of_others(user_id, known)) if known else {}
    compared = [replace(one, together=together.get(one.spotify_id or "", 0.0)) for one in own]
    if not with_others:
        return compared
    shares = count_listeners(await deps.preferences.spotify_ids_of_others(user_id)) if popular else {}
    ranked = sorted({*shares, *together}, key=lambda each: (-together.get(each, 0.0), -shares.get(each, 0.0), each))
    best = [each for each in ranked[:_SPOTIFY_TRACKS] if each not in known]
    found = await deps.tracks.find_spotify_tracks(best, user_id)
    return [
        *compared,
        *(_candidate(track, shares.get(track.spotify_id, 0.0), together.get(track.spotify_id, 0.0)) for track in found),
    ]


def _candidate(track: SpotifyTrack, share: float, together: float) -> Candidate:
    return Candidate(
        track_id=track.spotify_id,
        artists=track.artists,
        popularity=max(share, (track.popularity or 0) / FULL_POPULARITY),
        spotify_id=track.spotify_id,
        together=together,
        spotify_track=track,
    )


async def _with_tracks(best: Sequence[Recommendation], deps: Dependencies) -> Recommended:
    """Read the user's tracks among the recommended ones; those that were deleted meanwhile are left out."""
    track_ids = [one.track_id for one in best if one.spotify_track is None]
    found = {track.id: track async for track in deps.tracks.find({"_id": {"$in": track_ids}})} if track_ids else {}
    statuses = await features.find_statuses(list(found.values()), deps)
    own = {track_id: (track, statuses[track_id]) for track_id, track in found.items()}
    return [(one, own.get(one.track_id)) for one in best if one.spotify_track is not None or one.track_id in own]
