"""Use cases of preferences: read, state, and derive them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.preferences import PreferencesRequest
from echo_common.contracts.values import JobStatus
from echo_common.errors import NotFoundError
from echo_common.work.port import Attempt, Result
from echo_listening.dependencies import Dependencies
from echo_listening.domain.preferences import Preferences
from echo_listening.domain.taste import ListenedTrack, Taste, derive_taste, find_excluded, find_known, weigh
from echo_listening.usecases import features, tracks

_NEWEST: Final = (("timestamp", -1), ("_id", -1))
_INTERACTIONS: Final = 5_000
"""Maximum number of interactions, the latest ones, from which preferences are derived."""

MOST_INTERACTIONS: Final = 50_000
"""Maximum number of interactions of a user; a derivation removes older ones."""

_TRACKS: Final = 500
"""Maximum number of tracks, those with the highest weights, positive or negative."""

_ANALYSES: Final = 50
"""Maximum number of preferred tracks whose features a derivation requests, where they were not requested before."""


async def find_preferences(principal: Principal, deps: Dependencies) -> Preferences | None:
    """Return the user's preferences; None if there are neither stated nor derived ones."""
    return await deps.preferences.find_one({"_id": principal.user_id})


async def state_preferences(request: PreferencesRequest, principal: Principal, deps: Dependencies) -> Preferences:
    """Replace the user's stated preferences. Raises `TrackNotFoundError` with the tracks that the user may not hear."""
    taste = Taste(
        top_tracks=tuple(dict.fromkeys(request.top_tracks)),
        top_artists=tuple(dict.fromkeys(request.top_artists)),
        genres=tuple(dict.fromkeys(request.genres)),
        features=request.features,
    )
    if missing := await _find_missing(taste.top_tracks, principal.user_id, deps):
        raise TrackNotFoundError(details={"track_ids": missing})
    preferences = await deps.preferences.change(principal.user_id, lambda held: held.state(taste))
    if missing := await _find_missing(taste.top_tracks, principal.user_id, deps):  # deleted meanwhile
        preferences = await deps.preferences.update(principal.user_id, lambda held: held.remove_tracks(missing))
    deps.worker.wake()
    return preferences


async def delete_stated(principal: Principal, deps: Dependencies) -> None:
    """Delete the user's stated preferences; idempotent."""
    with suppress(NotFoundError):
        await deps.preferences.update(principal.user_id, lambda held: held.state(Taste()))


async def request_derivation(user_id: str, deps: Dependencies) -> None:
    """Queue the derivation of a user's preferences; idempotent."""
    if await deps.preferences.find_one({"_id": user_id, "status": JobStatus.PENDING.value}) is not None:
        return  # its next attempt reads the present interactions
    await deps.preferences.change(user_id, Preferences.request_derivation)
    deps.worker.wake()


async def use_features(track_id: str, deps: Dependencies) -> None:
    """Queue the derivation of the preferences to which the features of a track belong; idempotent."""
    for user_id in await deps.interactions.users_of_track(track_id):
        await request_derivation(user_id, deps)


async def perform_derivation(deps: Dependencies, preferences: Preferences, attempt: Attempt) -> Result[Preferences]:
    """Derive the preferences of a user from the latest interactions with tracks that the user may hear."""
    user_id = preferences.user_id
    await deps.interactions.remove_oldest(user_id, MOST_INTERACTIONS)
    latest = deps.interactions.find({"user_id": user_id}, sort=_NEWEST, limit=_INTERACTIONS)
    interactions = [one async for one in latest]
    weights = weigh(interactions, now())
    track_ids = sorted(weights, key=lambda track_id: abs(weights[track_id]), reverse=True)[:_TRACKS]
    heard = await tracks.find_all_audible(track_ids, user_id, deps)
    analyses = await deps.analyses.of_tracks([track.id for track in heard])
    listened = [
        ListenedTrack(track, analyses[track.id].features if track.id in analyses else None, weights[track.id])
        for track in heard
    ]
    preferred = [one.id for one in heard if weights[one.id] > 0 and one.id not in analyses]
    for track_id in preferred[:_ANALYSES]:  # the end of each analysis derives the preferences again
        await features.queue_analysis(track_id, deps)
    derived, excluded, known = derive_taste(listened), find_excluded(interactions), find_known(interactions)
    spotify_ids = tuple(track.spotify_id for track in heard if track.spotify_id is not None and track.id in known)
    return Result(
        lambda held: held.complete(attempt.number, derived, excluded=excluded, known=known, known_spotify_ids=spotify_ids)
    )


async def _find_missing(track_ids: Sequence[str], user_id: str, deps: Dependencies) -> list[str]:
    """Return those of the tracks that the user may not hear."""
    found = {track.id for track in await tracks.find_all_audible(track_ids, user_id, deps)}
    return [track_id for track_id in track_ids if track_id not in found]
