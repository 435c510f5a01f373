"""Endpoints for voice models as voices: shares, similar voices, bulk deletion."""

from typing import Annotated

from fastapi import Path, Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.auth import TooManyAttemptsError, UserNotFoundError
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import CloneNotFoundError, CloneStateConflictError
from echo_common.contracts.http.sharing import BulkDeleteRequest, BulkResult, ShareRequest, Shares, SimilarVoice
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import CloneId
from echo_voice.usecases import clones, sharing

AnyVoiceId = Annotated[str, Path(description="A clone's id, or a built-in voice's.", examples=["af_heart"])]

router = PublicRouter("voices")


@router.endpoint(
    "POST",
    "/voices/bulk-delete",
    idempotent=True,
    example=enveloped([{"id": examples.CLONE["id"], "deleted": True, "error": None}]),
)
async def delete_voices(body: BulkDeleteRequest, principal: VoicesWriter, deps: Deps) -> Success[list[BulkResult]]:
    """Delete several clones, each with its own result."""
    results = await clones.delete_clones(body.ids, principal, deps)
    for result in results:
        if result.deleted:
            deps.worker.recheck(result.id)
    return ok(results)


@router.endpoint(
    "GET",
    "/voices/{voice_id}/similar",
    errors=(CloneNotFoundError, VoiceNotFoundError),
    example=enveloped(examples.SIMILAR_VOICES),
)
async def list_similar_voices(
    voice_id: AnyVoiceId,
    principal: VoicesReader,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=50, description="Maximum number of voices.")] = 10,
) -> Success[list[SimilarVoice]]:
    """List similar voices that the user may use, most similar first.

    Clones of every engine are compared by their samples, and Kokoro's English voices by their speech. Other built-in voices are
    not measured: they are never listed, and for them the response is 404 `VOICE_NOT_FOUND`.
    """
    return ok(list(await sharing.find_similar(voice_id, limit, principal, deps)))


@router.endpoint("GET", "/voices/{voice_id}/shares", errors=(CloneNotFoundError,), example=enveloped(examples.SHARES))
async def get_shares(voice_id: CloneId, principal: VoicesReader, deps: Deps) -> Success[Shares]:
    """Get the shares of a clone."""
    return ok(views.shares_view(await clones.find_clone(voice_id, principal, deps)))


@router.endpoint(
    "POST",
    "/voices/{voice_id}/shares",
    idempotent=True,
    errors=(CloneNotFoundError, CloneStateConflictError, UserNotFoundError, TooManyAttemptsError),
    example=enveloped(examples.SHARES),
)
async def share_voice(voice_id: CloneId, body: ShareRequest, principal: VoicesWriter, deps: Deps) -> Success[Shares]:
    """Share a clone with a user, or make it public.

    The user must exist. By email address only users whose `discoverable` is true are found; see `GET /users/lookup`.
    """
    return ok(views.shares_view(await sharing.share(voice_id, body, principal, deps)))


@router.endpoint(
    "DELETE",
    "/voices/{voice_id}/shares",
    idempotent=True,
    errors=(CloneNotFoundError,),
    example=enveloped(examples.SHARES | {"shared_with": []}),
)
async def unshare_voice(
    voice_id: CloneId,
    principal: VoicesWriter,
    deps: Deps,
    user_id: Annotated[str | None, Query(min_length=1, max_length=64, description="Revoke this user's share only.")] = None,
    public: Annotated[bool, Query(description="Revoke the public share only.")] = False,
) -> Success[Shares]:
    """Revoke shares of a clone at once: a user's, the public one, or all."""
    if public and user_id is None:
        return ok(views.shares_view(await sharing.unpublish(voice_id, principal, deps)))
    return ok(views.shares_view(await sharing.unshare(voice_id, user_id, principal, deps)))
