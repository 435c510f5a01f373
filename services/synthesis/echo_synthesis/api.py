"""Synthesis over HTTP. Paths equal the public ones without `/api/v1`; the gateway passes bytes through."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.http.synthesis import (
    AsyncSynthesis,
    CreateJobRequest,
    JobPatch,
    JobView,
    SpeechConfig,
    SynthesisResult,
    SynthesizeRequest,
    Voice,
)
from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.http.envelope import Success, ok
from echo_common.http.files import object_response
from echo_common.http.pagination import PageQuery
from echo_common.service import dependencies_of
from echo_synthesis import usecases
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.domain import Job
from echo_synthesis.engine import UnknownVoiceError
from echo_synthesis.handlers import Dependencies
from echo_synthesis.usecases import Studio
from echo_synthesis.views import job_view, synthesis_result, voice_view

router = APIRouter()

Deps = Annotated[Dependencies, Depends(dependencies_of)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


@router.post("/tts/synthesize")
async def synthesize(body: SynthesizeRequest, principal: SpeechWriter, deps: Deps) -> Success[SynthesisResult]:
    """Speak a text and wait for it."""
    return ok(synthesis_result(await usecases.synthesize(body, principal, deps.studio)))


@router.post("/tts/synthesize/async", status_code=202)
async def synthesize_later(
    body: SynthesizeRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[AsyncSynthesis]:
    """Queue a text."""
    job = await usecases.queue_job(body.text, body.voice_id, body.config, principal, deps.studio, idempotency_key=key)
    deps.worker.ring()
    seconds = usecases.estimated_seconds(job)
    return ok(AsyncSynthesis(synthesis_id=job.synthesis_id, job_id=job.id, estimated_duration=seconds, status=job.status))


@router.post("/tts/synthesize/stream")
async def stream_body(body: SynthesizeRequest, principal: SpeechWriter, deps: Deps) -> Response:
    """Speak a text, bytes as they are made."""
    return await _stream(body, deps.studio)


@router.get("/tts/synthesize/stream")
async def stream_query(
    principal: SpeechWriter,
    deps: Deps,
    text: Annotated[str, Query(min_length=1, max_length=4_000)],
    voice_id: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None,
    output_format: AudioFormat = AudioFormat.MP3,
    sample_rate: Annotated[int, Query(ge=8_000, le=48_000)] = 24_000,
    speed: Annotated[float, Query(ge=0.25, le=4.0)] = 1.0,
) -> Response:
    """The same for what can only open a URL."""
    config = SpeechConfig(output_format=output_format, sample_rate=sample_rate, speed=speed)
    return await _stream(SynthesizeRequest(text=text, voice_id=voice_id, config=config), deps.studio)


async def _stream(body: SynthesizeRequest, studio: Studio) -> Response:
    _, blocks = await usecases.stream_speech(body, studio)
    mime = FORMATS[body.config.output_format].mime
    return StreamingResponse(blocks, media_type=mime, headers={"Cache-Control": "no-store"})


@router.post("/job", status_code=201)
async def create_job(
    body: CreateJobRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[JobView]:
    """Queue a piece of work."""
    config = usecases.config_of(body)
    job = await usecases.queue_job(body.text_content, body.voice_model_id, config, principal, deps.studio, idempotency_key=key)
    deps.worker.ring()
    return ok(job_view(job))


@router.get("/job")
async def list_jobs(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    status: JobStatus | None = None,
    voice_model_id: Annotated[str | None, Query(max_length=64)] = None,
    include_text: bool = False,
) -> Success[list[JobView]]:
    """One's own jobs, newest first."""
    filters = {"status": status.value if status else None, "settings.voice_id": voice_model_id}
    jobs, total = await usecases.list_jobs(principal, page, filters, deps.studio)
    return ok([job_view(job, include_text=include_text) for job in jobs], meta=page.meta(total))


@router.get("/job/{job_id}")
async def get_job(job_id: str, principal: SpeechReader, deps: Deps) -> Success[JobView]:
    """A job, with its result once completed."""
    return ok(await _finished_view(await usecases.find_job(job_id, principal, deps.studio), principal, deps))


@router.patch("/job/{job_id}")
async def patch_job(job_id: str, body: JobPatch, principal: SpeechWriter, deps: Deps) -> Success[JobView]:
    """Cancel a job."""
    job = await usecases.cancel_job(job_id, principal, deps.studio)
    deps.worker.drop(job.id)
    return ok(job_view(job))


@router.delete("/job/{job_id}")
async def delete_job(job_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Forget a job and its audio."""
    await usecases.delete_job(job_id, principal, deps.studio)
    return ok(None, message="The job is deleted.")


@router.get("/voices")
async def list_voices(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[Voice]]:
    """All one can speak with."""
    found = deps.studio.voices.list()
    part = found[page.offset : page.offset + page.limit]
    return ok([voice_view(voice) for voice in part], meta=page.meta(len(found)))


@router.get("/voices/{voice_id}")
async def get_voice(voice_id: str, principal: SpeechReader, deps: Deps) -> Success[Voice]:
    """One voice."""
    found = next((found for found in deps.studio.voices.list() if found.voice.id == voice_id), None)
    if found is None:
        raise UnknownVoiceError
    return ok(voice_view(found))


@router.api_route("/files/audio/{audio_id}", methods=["GET", "HEAD"])
async def get_audio_file(
    audio_id: str, request: Request, principal: SpeechReader, deps: Deps, download: bool = False
) -> Response:
    """The bytes of an audio: Range, ETag, 304."""
    audio = await usecases.find_audio(audio_id, principal, deps.studio)
    name = f"{audio.id}.{FORMATS[audio.settings.output_format].extension}"
    return object_response(
        request,
        deps.studio.objects,
        audio.object_key,
        size=audio.size,
        mime=audio.mime,
        etag=audio.checksum,
        download_as=name if download else None,
    )


async def _finished_view(job: Job, principal: SpeechReader, deps: Deps) -> JobView:
    if job.audio_id is None:
        return job_view(job, include_text=True)
    return job_view(job, await usecases.find_audio(job.audio_id, principal, deps.studio), include_text=True)
