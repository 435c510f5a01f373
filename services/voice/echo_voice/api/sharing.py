"""Routes of voice models as voices: shares, similar voices, bulk deletion."""

from typing import Annotated

from fastapi import APIRouter, Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.http.voice import BulkDeleteRequest, BulkResult, ShareRequest, Shares, SimilarVoice
from echo_common.http.envelope import Success, ok
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.usecases import clones, sharing

router = APIRouter(prefix="/voices")


@router.post("/bulk-delete")
async def delete_voices(body: BulkDeleteRequest, principal: VoicesWriter, deps: Deps) -> Success[list[BulkResult]]:
    """Delete several voice models."""
    results = await clones.delete_clones(body.ids, principal, deps.studio)
    for result in results:
        if result.deleted:
            deps.worker.recheck(result.id)
    return ok(results)


@router.get("/{voice_id}/similar")
async def similar_voices(
    voice_id: str, principal: VoicesReader, deps: Deps, limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> Success[list[SimilarVoice]]:
    """List similar voices."""
    return ok(list(await sharing.similar(voice_id, limit, principal, deps.studio)))


@router.get("/{voice_id}/shares")
async def get_shares(voice_id: str, principal: VoicesReader, deps: Deps) -> Success[Shares]:
    """Get the shares of a voice model."""
    return ok(views.shares_view(await clones.find_clone(voice_id, principal, deps.studio)))


@router.post("/{voice_id}/shares")
async def share_voice(voice_id: str, body: ShareRequest, principal: VoicesWriter, deps: Deps) -> Success[Shares]:
    """Share a voice model with a user or publicly."""
    return ok(views.shares_view(await sharing.share(voice_id, body, principal, deps.studio)))


@router.delete("/{voice_id}/shares")
async def unshare_voice(
    voice_id: str,
    principal: VoicesWriter,
    deps: Deps,
    user_id: Annotated[str | None, Query(max_length=64)] = None,
    public: Annotated[bool, Query()] = False,
) -> Success[Shares]:
    """Remove a share: a user's, the public one, or all."""
    if public and user_id is None:
        return ok(views.shares_view(await sharing.unpublish(voice_id, principal, deps.studio)))
    return ok(views.shares_view(await sharing.unshare(voice_id, user_id, principal, deps.studio)))
