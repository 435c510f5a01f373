"""Endpoints for synchronous, queued and streamed synthesis."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request, Response

from echo_common.auth.dependencies import Access, SpeechReader, SpeechWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tickets import LIFETIME
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    PLANNING,
    SPEAKING,
    TextNotFoundError,
    VoiceNotFoundError,
)
from echo_common.contracts.errors.tickets import TicketInvalidError
from echo_common.contracts.http.synthesis import (
    AsyncSynthesis,
    ReferenceSpeech,
    SpeechConfig,
    StreamQuery,
    StreamRequest,
    StreamTicketView,
    SynthesisResult,
    SynthesizeRequest,
)
from echo_common.contracts.http.voice import Language
from echo_common.contracts.values import AudioFormat, Metric
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.forward import CLIENT_GONE, ClientRequest
from echo_common.http.proxy_options import LongRequest
from echo_common.http.streams import EVENT_STREAM
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.api.parameters import AUDIO_TYPES, VoiceId
from echo_synthesis.api.streams import respond_with_stream
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases import jobs, speech, texts
from echo_synthesis.usecases.audio import words_of
from echo_synthesis.usecases.echos import find_language
from echo_synthesis.usecases.previews import preview_text
from echo_synthesis.views import synthesis_result

router = PublicRouter("speech")
voices = PublicRouter("voices")
plain = PublicRouter("Echo API", root="/api", plain=True)

_COMPLETED = "Speech synthesis completed"
_QUEUED = "Asynchronous speech synthesis job created"
_STREAM = Media(
    "Audio as it is generated, chunked. The connection breaks if the audio is incomplete. With `Accept: text/event-stream`, "
    '`audio` events `{"audio": base64, "word_timestamps": […]}`, whose concatenated bytes are one file, and at the end one '
    "`done` event with totals.",
    (*AUDIO_TYPES, EVENT_STREAM),
)
Accept = Annotated[str, Header(alias="Accept", description="`text/event-stream` for events with word timings.")]
StreamPrincipal = Annotated[Principal | None, Depends(Access((Scope.SPEECH_WRITE,), ticket_param="ticket"))]


@router.endpoint(
    "POST",
    "/tts/synthesize",
    response=Success[SynthesisResult],
    long_request=LongRequest.SYNTHESIS,
    idempotent=True,
    errors=(VoiceNotFoundError, TextNotFoundError, *SPEAKING),
    example=enveloped(examples.SYNTHESIS_RESULT, message=f"{_COMPLETED} with timestamps"),
    daily_quota=Metric.SYNTHESES,
)
async def synthesize(
    request: Request,
    body: SynthesizeRequest,
    principal: SpeechWriter,
    deps: Deps,
    response: Response,
    key: IdempotencyKey = None,
) -> Success[SynthesisResult] | Response:
    """Synthesize a text and wait for the audio.

    Returns the location of the audio and the time of each word. Synthesis stops if the client disconnects, unless an idempotency
    key allows it to retry.
    """
    with ClientRequest(request.receive) as client_request:
        if key is None:
            client_request.watch()
        audio = await speech.synthesize(body, principal, deps)
        response.headers["Echo-Cache"] = _cached(audio.cached_units, audio.units)
        message = f"{_COMPLETED} with timestamps" if audio.settings.include_timestamps else _COMPLETED
        return ok(synthesis_result(audio, await words_of(audio, deps)), message=message)
    return Response(status_code=CLIENT_GONE)


@router.endpoint(
    "POST",
    "/tts/synthesize/async",
    status=202,
    idempotent=True,
    errors=(VoiceNotFoundError, TextNotFoundError, QuotaExceededError, *PLANNING),
    example=enveloped(examples.QUEUED_SYNTHESIS, message=f"{_QUEUED} with timestamp mapping"),
    daily_quota=Metric.SYNTHESES,
)
async def synthesize_later(
    body: SynthesizeRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[AsyncSynthesis]:
    """Synthesize a text in the background, as a job."""
    text = await texts.text_of(body.text, body.text_id, principal, deps)
    job = await jobs.queue_job(
        text,
        body.voice_id,
        body.config,
        principal,
        deps,
        text_id=body.text_id,
        metadata=body.metadata,
        idempotency_key=key,
    )
    deps.worker.wake()
    queued = AsyncSynthesis(
        synthesis_id=job.synthesis_id, job_id=job.id, estimated_duration=job.estimated_seconds, status=job.status
    )
    return ok(queued, message=f"{_QUEUED} with timestamp mapping" if job.settings.include_timestamps else _QUEUED)


@router.endpoint(
    "POST",
    "/tts/synthesize/stream",
    media=_STREAM,
    long_request=LongRequest.STREAM,
    errors=(VoiceNotFoundError, TextNotFoundError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def stream_speech(body: StreamRequest, principal: SpeechWriter, deps: Deps, accept: Accept = "*/*") -> Response:
    """Synthesize a text and stream the audio while it is generated."""
    return await _stream(body, principal, deps, accept)


@router.endpoint("POST", "/tts/synthesize/stream/ticket", example=enveloped(examples.STREAM_TICKET))
async def issue_stream_ticket(principal: SpeechWriter, deps: Deps) -> Success[StreamTicketView]:
    """Create a ticket for one streamed synthesis by URL.

    It is valid for a minute and replaces the access token, which does not belong in a URL.
    """
    ticket = await deps.tickets.issue(principal)
    url = f"/api/v1/tts/synthesize/stream?ticket={ticket}"
    return ok(StreamTicketView(ticket=ticket, expires_in=LIFETIME, stream_url=url))


@router.endpoint(
    "GET",
    "/tts/synthesize/stream",
    media=_STREAM,
    long_request=LongRequest.STREAM,
    errors=(VoiceNotFoundError, TextNotFoundError, TicketInvalidError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def stream_speech_from_query(
    request: Request,
    principal: StreamPrincipal,
    deps: Deps,
    query: Annotated[StreamQuery, Query()],
    accept: Accept = "*/*",
) -> Response:
    """Synthesize a text and stream the audio, for clients that can only open a URL."""
    if principal is None:
        principal = await deps.tickets.redeem(query.ticket or "", request.app.state.verifier)
    options = query.model_dump(include=set(SpeechConfig.model_fields), exclude_unset=True)  # an echo has defaults of its own
    config = SpeechConfig(**{**options, "output_format": query.output_format})
    body = speech.request_of(query.text, query.text_id, query.voice_id, config, latency=query.latency)
    return await _stream(body, principal, deps, accept)


@voices.endpoint(
    "GET",
    "/voices/{voice_id}/preview",
    media=Media("A short sentence in MP3.", ("audio/mpeg",)),
    long_request=LongRequest.STREAM,
    errors=(VoiceNotFoundError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def preview_voice(
    voice_id: VoiceId,
    principal: SpeechReader,
    deps: Deps,
    language: Annotated[Language | None, Query(description="Language of the preview; the voice's own when absent.")] = None,
) -> Response:
    """Get a preview of a voice."""
    language = language or await find_language(voice_id, principal.user_id, deps)
    text = preview_text(language)
    config = SpeechConfig(output_format=AudioFormat.MP3, language=language)
    return await _stream(speech.request_of(text, None, voice_id, config), principal, deps, AudioFormat.MP3)


@plain.endpoint(
    "POST",
    "/synthesize",
    media=Media("MP3, as it is generated.", ("audio/mpeg",)),
    long_request=LongRequest.STREAM,
    errors=(VoiceNotFoundError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def synthesize_with_reference(body: ReferenceSpeech, principal: SpeechWriter, deps: Deps) -> Response:
    """Synthesize a text with a voice model, given by its id or the provider's reference."""
    voice_id = await deps.clones.by_reference(body.reference_id, principal.user_id)
    config = SpeechConfig(output_format=AudioFormat.MP3)
    request = speech.request_of(body.text, None, voice_id, config)
    return await _stream(request, principal, deps, AudioFormat.MP3)


async def _stream(body: StreamRequest, principal: Principal, deps: Dependencies, accept: str) -> Response:
    parts = await speech.stream_speech(body, principal, deps, latency=body.latency)
    return await respond_with_stream(parts, body.config, accept)


def _cached(cached: int, units: int) -> str:
    return "hit" if cached == units else "partial" if cached else "miss"
