"""Routes for synchronous, queued and streamed synthesis."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from echo_common.auth.dependencies import Bearer, SpeechReader, SpeechWriter, authorized
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.contracts.errors.synthesis import TicketInvalidError
from echo_common.contracts.http.synthesis import (
    AsyncSynthesis,
    ReferenceSpeech,
    SpeechConfig,
    StreamQuery,
    StreamTicketView,
    SynthesisResult,
    SynthesizeRequest,
)
from echo_common.contracts.values import AudioFormat
from echo_common.http.envelope import Success, ok
from echo_common.http.forward import CLIENT_GONE, Caller
from echo_common.http.plain import PlainRoute
from echo_common.http.streams import ClosingStream
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps, IdempotencyKey
from echo_synthesis.api.events import events
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.recording import Part
from echo_synthesis.tickets import LIFETIME
from echo_synthesis.usecases import Studio
from echo_synthesis.views import synthesis_result

router = APIRouter()
plain = APIRouter(route_class=PlainRoute)

_EVENTS = "text/event-stream"
_PREVIEWS = {
    "en": "Hello, this is my voice.",
    "es": "Hola, esta es mi voz.",
    "fr": "Bonjour, voici ma voix.",
    "it": "Ciao, questa è la mia voce.",
    "pt": "Olá, esta é a minha voz.",
    "de": "Hallo, das ist meine Stimme.",
    "hi": "नमस्ते, यह मेरी आवाज़ है।",
}
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Accept = Annotated[str, Header()]


@router.post("/tts/synthesize", response_model=Success[SynthesisResult])
async def synthesize(
    request: Request,
    body: SynthesizeRequest,
    principal: SpeechWriter,
    deps: Deps,
    response: Response,
    key: IdempotencyKey = None,
) -> Success[SynthesisResult] | Response:
    """Generate speech and wait for it; stops if the client disconnects, unless an idempotency key allows it to retry."""
    with Caller(request.receive) as caller:
        if key is None:
            caller.watch()
        audio = await usecases.synthesize(body, principal, deps.studio)
        response.headers["Echo-Cache"] = _cached(audio.cached_units, audio.units)
        return ok(synthesis_result(audio, await usecases.words_of(audio, deps.studio)))
    return Response(status_code=CLIENT_GONE)


@router.post("/tts/synthesize/async", status_code=202)
async def synthesize_later(
    body: SynthesizeRequest, principal: SpeechWriter, deps: Deps, key: IdempotencyKey = None
) -> Success[AsyncSynthesis]:
    """Queue a text."""
    text = await usecases.text_of(body.text, body.text_id, principal, deps.studio)
    job = await usecases.queue_job(
        text, body.voice_id, body.config, principal, deps.studio, text_id=body.text_id, idempotency_key=key
    )
    deps.worker.wake()
    seconds = job.estimated_seconds
    return ok(AsyncSynthesis(synthesis_id=job.synthesis_id, job_id=job.id, estimated_duration=seconds, status=job.status))


@router.post("/tts/synthesize/stream")
async def stream_body(body: SynthesizeRequest, principal: SpeechWriter, deps: Deps, accept: Accept = "*/*") -> Response:
    """Stream speech: audio bytes, or events with bytes and word timings."""
    return await _stream(body, principal, deps.studio, accept)


@router.post("/tts/synthesize/stream/ticket")
async def issue_ticket(principal: SpeechWriter, deps: Deps) -> Success[StreamTicketView]:
    """Issue a ticket that replaces the token in one `GET` request below."""
    ticket = await deps.studio.tickets.issue(principal)
    url = f"/api/v1/tts/synthesize/stream?ticket={ticket}"
    return ok(StreamTicketView(ticket=ticket, expires_in=LIFETIME, stream_url=url))


@router.get("/tts/synthesize/stream")
async def stream_query(
    request: Request, bearer: Bearer, deps: Deps, query: Annotated[StreamQuery, Query()], accept: Accept = "*/*"
) -> Response:
    """Stream speech for clients that can only open a URL; accepts a ticket instead of a token."""
    if query.ticket is not None:
        principal = await deps.studio.tickets.redeem(query.ticket)
        verifier: TokenVerifier = request.app.state.verifier
        if verifier.revoked(principal):
            raise TicketInvalidError
    else:
        principal = await authorized(request, bearer, Scope.SPEECH_WRITE)
    config = SpeechConfig(**query.model_dump(include=set(SpeechConfig.model_fields)))
    body = usecases.request_of(query.text, query.text_id, query.voice_id, config)
    return await _stream(body, principal, deps.studio, accept)


@router.get("/voices/{voice_id}/preview")
async def preview_voice(voice_id: str, principal: SpeechReader, deps: Deps) -> Response:
    """Get a short audio sample of a voice, the same for all users who may use it."""
    clone = await deps.studio.clones.find(voice_id, principal.user_id)
    language = (clone or deps.studio.voices.find(voice_id)).voice.language
    text = _PREVIEWS.get(language.split("-")[0].lower(), _PREVIEWS["en"])
    config = SpeechConfig(output_format=AudioFormat.MP3)
    return await _stream(usecases.request_of(text, None, voice_id, config), principal, deps.studio, AudioFormat.MP3)


@plain.post("/synthesize")
async def speak_reference(body: ReferenceSpeech, principal: SpeechWriter, deps: Deps) -> Response:
    """Generate speech with a voice model, by the provider's reference or by id, as in the Echo API."""
    voice_id = await deps.studio.clones.by_reference(body.reference_id, principal.user_id)
    config = SpeechConfig(output_format=AudioFormat.MP3)
    request = usecases.request_of(body.text, None, voice_id, config)
    return await _stream(request, principal, deps.studio, AudioFormat.MP3)


async def _stream(body: SynthesizeRequest, principal: Principal, studio: Studio, accept: str) -> Response:
    parts = await usecases.stream_speech(body, principal, studio)
    # a failure before the first byte can still be returned as an error status
    first = await anext(parts)
    whole = _from(first, parts)
    if _EVENTS in accept:
        return ClosingStream(events(whole), media_type=_EVENTS, headers=_HEADERS)
    return ClosingStream(_bytes(whole), media_type=FORMATS[body.config.output_format].mime, headers=_HEADERS)


async def _from(first: Part, rest: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
    held = [first]
    del first  # otherwise its bytes would stay in memory until the end
    async with aclosing(rest):
        yield held.pop()
        async for part in rest:
            yield part


async def _bytes(parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(parts):
        async for part in parts:
            if part.audio:
                yield part.audio


def _cached(cached: int, units: int) -> str:
    return "hit" if cached == units else "partial" if cached else "miss"
