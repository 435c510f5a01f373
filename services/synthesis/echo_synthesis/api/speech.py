"""Text in, speech out."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from echo_common.auth.dependencies import SpeechWriter
from echo_common.contracts.http.synthesis import AsyncSynthesis, SpeechConfig, SynthesisResult, SynthesizeRequest
from echo_common.contracts.values import AudioFormat
from echo_common.http.envelope import Success, ok
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.usecases import Studio
from echo_synthesis.views import synthesis_result

router = APIRouter()


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
