"""Endpoints for interactions (`/interactions`)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Query

from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.interactions import InteractionRequest, InteractionView
from echo_common.contracts.values import InteractionType
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_common.http.time_range import TimeRangeQuery
from echo_listening.api.dependencies import Deps
from echo_listening.usecases import interactions
from echo_listening.views.interactions import interaction_view

_INTERACTION: Final[dict[str, Any]] = {
    "id": "interaction_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "user_id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "type": "complete",
    "position": 12.5,
    "playlist_id": None,
    "session_id": None,
    "timestamp": "2026-01-31T10:00:00Z",
}

PageQuery = Annotated[Page, Depends(paginated(*interactions.INTERACTION_ORDERS, default="timestamp"))]

router = PublicRouter("interactions")


@router.endpoint(
    "POST",
    "/interactions",
    status=201,
    idempotent=True,
    errors=(TrackNotFoundError,),
    example=enveloped(_INTERACTION),
)
async def add_interaction(body: InteractionRequest, principal: ListeningWriter, deps: Deps) -> Success[InteractionView]:
    """Add an interaction with a track.

    Interactions are only appended. Preferences are derived from them, a few seconds later.
    """
    return ok(interaction_view(await interactions.record_interaction(body, principal, deps)))


@router.endpoint("GET", "/interactions", example=enveloped([_INTERACTION]))
async def list_interactions(
    principal: ListeningReader,
    deps: Deps,
    page: PageQuery,
    time: TimeRangeQuery,
    track_id: Annotated[str | None, Query(description="Filter by track.")] = None,
    kind: Annotated[InteractionType | None, Query(alias="type", description="Filter by type.")] = None,
) -> Success[list[InteractionView]]:
    """List interactions, newest first."""
    found, total = await interactions.list_interactions(principal, page, time, deps, track_id=track_id, kind=kind)
    return ok([interaction_view(one) for one in found], meta=page.meta(total))


@router.endpoint("DELETE", "/interactions", idempotent=True, example=enveloped(None, message="The interactions are deleted."))
async def delete_interactions(principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Delete all interactions, and the preferences derived from them."""
    await interactions.delete_interactions(principal, deps)
    return ok(None, message="The interactions are deleted.")
