"""Use cases of recommendations: tracks for the user, and tracks similar to another one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import AnalysisStatus, TrackSource
from echo_listening.dependencies import Dependencies
from echo_listening.domain.recommendations import Candidate, Listener, Recommendation, find_similar, recommend
from echo_listening.domain.shared_songs import Song, count_listeners
from echo_listening.domain.taste import Taste
from echo_listening.domain.tracks import Track
from echo_listening.repository.tracks import FULL_POPULARITY
from echo_listening.usecases import features, tracks

_CANDIDATES: Final = 10_000
"""Maximum number of candidates, the newest ones."""

_SONGS: Final = 100
"""Maximum number of songs that the user does not have."""

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
    songs = preferences.songs if preferences is not None else ()
    with_others = not playable and source in {None, TrackSource.SPOTIFY}
    candidates = await _add_songs(own, songs, principal.user_id, deps, popular=True, with_others=with_others)
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
    songs = () if track.spotify_id is None else (track.spotify_id,)
    candidates = await _add_songs(own, songs, principal.user_id, deps)
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


async def _add_songs(
    own: Sequence[Candidate],
    songs: Sequence[str],
    user_id: str,
    deps: Dependencies,
    *,
    popular: bool = False,
    with_others: bool = True,
) -> Sequence[Candidate]:
    """Compare with the songs of other users, and add those that the user does not have.

    Args:
        own: The user's tracks.
        songs: Spotify ids of songs that the user listens to.
        user_id: The user, who does not count.
        deps: The dependencies.
        popular: Also add songs that are not listened to beside `songs`.
        with_others: Add songs that the user does not have.
    """
    together = count_listeners(await deps.preferences.songs_of_others(user_id, songs)) if songs else {}
    known = [replace(one, together=together.get(one.spotify_id or "", 0.0)) for one in own]
    if not with_others:
        return known
    shares = count_listeners(await deps.preferences.songs_of_others(user_id)) if popular else {}
    best = sorted({*shares, *together}, key=lambda song: (-together.get(song, 0.0), -shares.get(song, 0.0), song))[:_SONGS]
    found = await deps.tracks.songs([song for song in best if song not in songs], user_id)
    return [
        *known,
        *(_song_candidate(song, shares.get(song.spotify_id, 0.0), together.get(song.spotify_id, 0.0)) for song in found),
    ]


def _song_candidate(song: Song, share: float, together: float) -> Candidate:
    return Candidate(
        track_id=song.spotify_id,
        artists=song.artists,
        popularity=max(share, (song.popularity or 0) / FULL_POPULARITY),
        spotify_id=song.spotify_id,
        together=together,
        song=song,
    )


async def _with_tracks(best: Sequence[Recommendation], deps: Dependencies) -> Recommended:
    """Read the user's tracks among the recommended ones; those that were deleted meanwhile are left out."""
    track_ids = [one.track_id for one in best if one.song is None]
    found = {track.id: track async for track in deps.tracks.find({"_id": {"$in": track_ids}})} if track_ids else {}
    statuses = await features.find_statuses(list(found.values()), deps)
    own = {track_id: (track, statuses[track_id]) for track_id, track in found.items()}
    return [(one, own.get(one.track_id)) for one in best if one.song is not None or one.track_id in own]
