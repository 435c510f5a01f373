"""Use cases of interactions: record, list and delete them."""

from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.interactions import InteractionRequest
from echo_common.contracts.values import InteractionType
from echo_common.errors import NotFoundError
from echo_common.http.pagination import Page
from echo_common.http.time_range import TimeRange
from echo_listening.dependencies import Dependencies
from echo_listening.domain.interactions import Interaction
from echo_listening.domain.preferences import Preferences
from echo_listening.usecases import tracks

INTERACTION_ORDERS = ("timestamp",)
"""Fields by which the list can be sorted."""


async def record_interaction(request: InteractionRequest, principal: Principal, deps: Dependencies) -> Interaction:
    """Store an interaction with a track that the user may hear. Raises `TrackNotFoundError`."""
    await tracks.find_audible(request.track_id, principal, deps)
    interaction = Interaction.create(principal.user_id, request)
    await deps.interactions.add(interaction)
    if await deps.tracks.find_one({"_id": request.track_id}) is None:  # deleted meanwhile, perhaps before this was stored
        await deps.interactions.delete_of_track(request.track_id)
        raise TrackNotFoundError
    return interaction


async def list_interactions(
    principal: Principal,
    page: Page,
    time: TimeRange,
    deps: Dependencies,
    *,
    track_id: str | None = None,
    kind: InteractionType | None = None,
) -> tuple[list[Interaction], int]:
    """Return a page of the user's interactions and their total number."""
    where: dict[str, Any] = {"user_id": principal.user_id, **time.where("timestamp")}
    if track_id is not None:
        where["track_id"] = track_id
    if kind is not None:
        where["type"] = kind.value
    order = [("timestamp", page.direction), ("_id", page.direction)]
    found = deps.interactions.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [one async for one in found], await deps.interactions.count(where)


async def delete_interactions(principal: Principal, deps: Dependencies) -> None:
    """Delete the user's interactions, and the preferences derived from them; idempotent."""
    await deps.interactions.delete_of_user(principal.user_id)
    with suppress(NotFoundError):
        await deps.preferences.update(principal.user_id, Preferences.discard_derived)
    deps.worker.wake()


async def remove_track(track_id: str, deps: Dependencies) -> None:
    """Remove the interactions with a deleted track, and the track from preferences; idempotent."""
    users = {*await deps.interactions.users_of_track(track_id), *await deps.preferences.users_who_state(track_id)}
    for user_id in sorted(users):  # before the interactions, which tell the users if this is repeated after a crash
        with suppress(NotFoundError):
            await deps.preferences.update(user_id, lambda held: held.remove_tracks([track_id]))
    await deps.interactions.delete_of_track(track_id)
    deps.worker.wake()
