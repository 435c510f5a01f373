"""Endpoints for voices."""

from operator import attrgetter
from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import SpeechReader
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.http.synthesis import Voice
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


@router.endpoint("GET", "/voices/{voice_id}", errors=(VoiceNotFoundError,), example=enveloped(examples.VOICE))
async def get_voice(voice_id: VoiceId, principal: SpeechReader, deps: Deps) -> Success[Voice]:
    """Get a voice."""
    clone = await deps.studio.clones.find(voice_id, principal.user_id)
    found = clone or next((found for found in deps.studio.voices.list() if found.voice.id == voice_id), None)
    if found is None:
        raise VoiceNotFoundError
    return ok(voice_view(found))
