"""Endpoints of the simple request API. Register them last: `/tts/{id}` also matches other paths."""

from typing import Annotated

from fastapi import Depends, Request, Response

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.captions import srt, vtt
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    JobStateConflictError,
    RevisionNotFoundError,
    SynthesisNotFoundError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.generate import GenerateRequest, GenerateView
from echo_common.contracts.values import Metric
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.object_response import PARTIAL_RESPONSES, RangeNotSatisfiableError
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.audio import audio_response
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.api.parameters import AUDIO_TYPES, RevisionNumber, SynthesisId
from echo_synthesis.text.captions import cues
from echo_synthesis.usecases import audio, requests
from echo_synthesis.usecases.jobs import JOB_ORDERS
from echo_synthesis.usecases.requests import Synthesis
from echo_synthesis.views import generate_view

_FINISHED_ERRORS = (SynthesisNotFoundError, JobStateConflictError)

PageQuery = Annotated[Page, Depends(paginated(*JOB_ORDERS))]

router = PublicRouter("speech")


@router.endpoint(
    "POST",
    "/tts/generate",
    status=202,
    idempotent=True,
    errors=(VoiceNotFoundError, QuotaExceededError, *PLANNING),
    example=enveloped(examples.PENDING_SYNTHESIS),
    daily_quota=Metric.SYNTHESES,
)
async def generate(
    body: GenerateRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[GenerateView]:
    """Synthesize a text in a named voice, in the background."""
    job = await requests.generate(body, principal, deps, key=key)
    deps.worker.wake()
    return ok(generate_view(Synthesis(job, None)))


@router.endpoint("GET", "/tts/", alias=("/tts/", "/tts"), example=enveloped([examples.COMPLETED_SYNTHESIS], meta=examples.PAGE))
async def list_syntheses(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[GenerateView]]:
    """List syntheses, synchronous ones and jobs, newest first; streams are not stored."""
    found, total = await requests.list_syntheses(principal, page, deps)
    return ok([generate_view(each) for each in found], meta=page.meta(total))


@router.endpoint(
    "GET", "/tts/{synthesis_id}", errors=(SynthesisNotFoundError,), example=enveloped(examples.COMPLETED_SYNTHESIS)
)
async def get_synthesis(synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps) -> Success[GenerateView]:
    """Get a synthesis with its files."""
    return ok(generate_view(await requests.find_synthesis(synthesis_id, principal, deps)))


@router.endpoint(
    "GET",
    "/tts/{synthesis_id}/download",
    media=Media("The audio, as a file to save.", AUDIO_TYPES),
    other_responses=PARTIAL_RESPONSES,
    errors=(*_FINISHED_ERRORS, RevisionNotFoundError, RangeNotSatisfiableError),
)
async def download_synthesis(
    synthesis_id: SynthesisId, request: Request, principal: SpeechReader, deps: Deps, revision: RevisionNumber = None
) -> Response:
    """Download the audio of a synthesis."""
    found = await requests.find_synthesis(synthesis_id, principal, deps)
    return audio_response(request, found.finished, deps, download=True, revision=revision)


@router.endpoint(
    "GET",
    "/tts/{synthesis_id}/captions.srt",
    media=Media("SubRip captions.", ("application/x-subrip",)),
    errors=_FINISHED_ERRORS,
)
async def get_srt_captions(synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps) -> Response:
    """Get captions from word timings, as SubRip."""
    found = await requests.find_synthesis(synthesis_id, principal, deps)
    shown = cues(await audio.words_of(found.finished, deps))
    return Response("".join(srt(shown)), media_type="application/x-subrip")


@router.endpoint(
    "GET",
    "/tts/{synthesis_id}/captions.vtt",
    media=Media("WebVTT captions.", ("text/vtt",)),
    errors=_FINISHED_ERRORS,
)
async def get_vtt_captions(synthesis_id: SynthesisId, principal: SpeechReader, deps: Deps) -> Response:
    """Get captions from word timings, as WebVTT."""
    found = await requests.find_synthesis(synthesis_id, principal, deps)
    shown = cues(await audio.words_of(found.finished, deps))
    return Response("".join(vtt(shown)), media_type="text/vtt")


@router.endpoint(
    "DELETE",
    "/tts/{synthesis_id}",
    idempotent=True,
    errors=_FINISHED_ERRORS,
    example=enveloped(None, message="The synthesis is deleted."),
)
async def delete_synthesis(synthesis_id: SynthesisId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a synthesis and its audio, unless it is being processed."""
    await requests.delete_synthesis(synthesis_id, principal, deps)
    return ok(None, message="The synthesis is deleted.")
