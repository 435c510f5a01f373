"""Endpoints for voices."""

from operator import attrgetter
from typing import Annotated

from fastapi import Depends, Query

from echo_common.auth.dependencies import SpeechReader, VoicesWriter
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError, VoiceNotFoundError, VoiceNotReadyError
from echo_common.contracts.http.sharing import Selection
from echo_common.contracts.http.synthesis import Gender, Voice, VoiceKind
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.parameters import VoiceId
from echo_synthesis.catalogue.voices import VoiceFilter
from echo_synthesis.views import voice_view

PageQuery = Annotated[Page, Depends(paginated("kind", "name", "language", "engine", "rating", default="kind"))]

router = PublicRouter("voices")


async def _filter(
    language: Annotated[
        str | None, Query(min_length=2, max_length=20, description="Filter by language: `en` also matches `en-US`.")
    ] = None,
    engine: Annotated[str | None, Query(max_length=40, description="Filter by engine.")] = None,
    gender: Annotated[Gender | None, Query(description="Filter by gender.")] = None,
    kind: Annotated[VoiceKind | None, Query(description="Filter by kind.")] = None,
    tag: Annotated[str | None, Query(max_length=40, description="Filter by tag.")] = None,
    text: Annotated[
        str | None, Query(min_length=1, max_length=100, description="Search in the name and the id, case-insensitively.")
    ] = None,
) -> VoiceFilter:
    return VoiceFilter(language=language, engine=engine, gender=gender, kind=kind, tag=tag, text=text)


@router.endpoint("GET", "/voices", example=enveloped([examples.VOICE], meta=examples.PAGE))
async def list_voices(
    principal: SpeechReader, deps: Deps, page: PageQuery, only: Annotated[VoiceFilter, Depends(_filter)]
) -> Success[list[Voice]]:
    """List voices, clones first.

    With `sort_by=rating`, voices without ratings come last.
    """
    voices = [*await deps.clones.list(principal.user_id), *deps.voices.list()]
    matching = [voice for voice in voices if only.matches(voice)]
    ratings = await deps.voice_ratings.find([voice.voice.id for voice in matching])
    found = [voice_view(voice, ratings.get(voice.voice.id)) for voice in matching]
    _sort(found, page)
    return ok(found[page.offset : page.offset + page.limit], meta=page.meta(len(found)))


@router.endpoint(
    "GET", "/voices/{voice_id}", errors=(VoiceNotFoundError, VoiceNotReadyError), example=enveloped(examples.VOICE)
)
async def get_voice(voice_id: VoiceId, principal: SpeechReader, deps: Deps) -> Success[Voice]:
    """Get a voice."""
    clone = await deps.clones.find(voice_id, principal.user_id)
    found = clone or next((found for found in deps.voices.list() if found.voice.id == voice_id), None)
    if found is None:
        raise VoiceNotFoundError
    return ok(voice_view(found, (await deps.voice_ratings.find([found.voice.id])).get(found.voice.id)))


@router.endpoint(
    "POST",
    "/voices/{voice_id}/select",
    idempotent=True,
    errors=(VoiceNotFoundError, VoiceNotReadyError, EngineUnavailableError),
    example=enveloped({"voice_id": "af_heart"}),
)
async def select_voice(voice_id: VoiceId, principal: VoicesWriter, deps: Deps) -> Success[Selection]:
    """Select a voice, built-in or cloned, as the default voice of requests."""
    found = await deps.clones.find(voice_id, principal.user_id) or deps.voices.find(voice_id)
    await deps.clones.select(principal.user_id, found.voice.id, now())
    return ok(Selection(voice_id=found.voice.id))


def _sort(voices: list[Voice], page: Page) -> None:
    descending = page.sort_order == "desc"
    if page.sort_by != "rating":
        voices.sort(key=attrgetter(page.sort_by), reverse=descending)
        return
    voices.sort(key=lambda voice: (voice.rating.mean, voice.rating.count) if voice.rating else (0, 0), reverse=descending)
    voices.sort(key=lambda voice: voice.rating is None)
