"""Routes of the simple request API. Register them last: `/tts/{id}` also matches other paths."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.http.synthesis import GenerateRequest, GenerateView
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_common.http.queries import only_known
from echo_synthesis import usecases
from echo_synthesis.api.audio import audio_response
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.text.captions import cues, srt, vtt
from echo_synthesis.usecases import Synthesis
from echo_synthesis.views import generate_view

router = APIRouter(dependencies=[Depends(only_known)])


@router.post("/tts/generate", status_code=202)
async def generate(
    body: GenerateRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[GenerateView]:
    """Queue a text with a named voice."""
    job = await usecases.generate(body, principal, deps.studio, key=key)
    deps.worker.wake()
    return ok(generate_view(Synthesis(job, None)))


@router.get("/tts/")
async def list_syntheses(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[GenerateView]]:
    """List the user's requests, newest first."""
    found, total = await usecases.list_syntheses(principal, page, deps.studio)
    return ok([generate_view(one) for one in found], meta=page.meta(total))


@router.get("/tts/{synthesis_id}")
async def get_synthesis(synthesis_id: str, principal: SpeechReader, deps: Deps) -> Success[GenerateView]:
    """Get a request and its status."""
    return ok(generate_view(await usecases.find_synthesis(synthesis_id, principal, deps.studio)))


@router.get("/tts/{synthesis_id}/download")
async def download_synthesis(synthesis_id: str, request: Request, principal: SpeechReader, deps: Deps) -> Response:
    """Download the audio of a request."""
    found = await usecases.find_synthesis(synthesis_id, principal, deps.studio)
    return audio_response(request, found.finished, deps.studio, download=True)


@router.get("/tts/{synthesis_id}/captions.{kind}")
async def get_captions(synthesis_id: str, kind: Literal["srt", "vtt"], principal: SpeechReader, deps: Deps) -> Response:
    """Get the captions of a request."""
    found = await usecases.find_synthesis(synthesis_id, principal, deps.studio)
    shown = cues(await usecases.words_of(found.finished, deps.studio))
    if kind == "srt":
        return Response("".join(srt(shown)), media_type="application/x-subrip")
    return Response("".join(vtt(shown)), media_type="text/vtt")


@router.delete("/tts/{synthesis_id}")
async def delete_synthesis(synthesis_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a request and its audio."""
    await usecases.delete_synthesis(synthesis_id, principal, deps.studio)
    return ok(None, message="The synthesis is deleted.")
