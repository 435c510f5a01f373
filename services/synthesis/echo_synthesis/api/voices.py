"""Endpoints for voices."""

from operator import attrgetter
from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import SpeechReader, VoicesWriter
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError, VoiceNotReadyError
from echo_common.contracts.http.synthesis import Voice
from echo_common.contracts.http.voice import Selection
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.parameters import VoiceId
from echo_synthesis.views import voice_view

PageQuery = Annotated[Page, Depends(paginated("kind", "name", "language", "engine", default="kind"))]

router = PublicRouter("voices")


@router.endpoint("GET", "/voices", example=enveloped([examples.VOICE], meta=examples.PAGE))
async def list_voices(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[Voice]]:
    """List voices, clones first."""
    found = [*await deps.studio.clones.list(principal.user_id), *deps.studio.voices.list()]
    views = sorted(map(voice_view, found), key=attrgetter(page.sort_by), reverse=page.sort_order == "desc")
    return ok(views[page.offset : page.offset + page.limit], meta=page.meta(len(found)))


@router.endpoint(
    "GET", "/voices/{voice_id}", errors=(VoiceNotFoundError, VoiceNotReadyError), example=enveloped(examples.VOICE)
)
async def get_voice(voice_id: VoiceId, principal: SpeechReader, deps: Deps) -> Success[Voice]:
    """Get a voice."""
    clone = await deps.studio.clones.find(voice_id, principal.user_id)
    found = clone or next((found for found in deps.studio.voices.list() if found.voice.id == voice_id), None)
    if found is None:
        raise VoiceNotFoundError
    return ok(voice_view(found))


@router.endpoint(
    "POST",
    "/voices/{voice_id}/select",
    idempotent=True,
    errors=(VoiceNotFoundError, VoiceNotReadyError, EngineUnavailableError),
    example=enveloped({"voice_id": "af_heart"}),
)
async def select_voice(voice_id: VoiceId, principal: VoicesWriter, deps: Deps) -> Success[Selection]:
    """Select a voice, built-in or cloned, as the default voice of requests."""
    found = await deps.studio.clones.find(voice_id, principal.user_id) or deps.studio.voices.find(voice_id)
    await deps.studio.clones.select(principal.user_id, found.voice.id, now())
    return ok(Selection(voice_id=found.voice.id))
