"""Use cases for synchronous and streamed synthesis."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import SpeechConfig, SpokenText, StreamRequest, SynthesizeRequest
from echo_common.contracts.values import Latency
from echo_common.errors import refuse
from echo_common.ids import new_id
from echo_common.shielded import shielded
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.pipeline.low_latency import with_first_phrase
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.usecases.planning import plan_speech
from echo_synthesis.usecases.quotas import ESTIMATED, amounts_of, reserved_synthesis, settle_audio
from echo_synthesis.usecases.texts import text_of


async def synthesize(request: SynthesizeRequest, principal: Principal, deps: Dependencies) -> Audio:
    """Generate speech synchronously; the audio is stored when this returns."""
    text = await text_of(request.text, request.text_id, principal, deps)
    narration = await plan_speech(
        text, request.voice_id, request.config, principal.user_id, deps, preferred_language=principal.language
    )
    audio_id = new_id("aud")
    async with reserved_synthesis(text, narration.settings, audio_id, principal, deps) as counted:
        audio = await deps.recorder.record(
            narration,
            user_id=principal.user_id,
            synthesis_id=new_id("syn"),
            audio_id=audio_id,
            text_id=request.text_id,
            metadata=request.metadata,
        )
        audio.record(audio.creation)
        await shielded(deps.audio.add(audio))  # its objects are stored
    await deps.quotas.settle_bytes(counted.held, audio.size + audio.further_bytes)
    await settle_audio(counted.reservation, audio.duration, deps)
    return audio


async def stream_speech(
    request: SpokenText, principal: Principal, deps: Dependencies, *, latency: Latency = "normal"
) -> AsyncGenerator[Part, None]:
    """Generate speech and yield its bytes as they are made; nothing is stored.

    It is counted when its first part is requested. That then raises `QuotaExceededError`.
    """
    started = perf_counter()
    text = await text_of(request.text, request.text_id, principal, deps)
    narration = await plan_speech(
        text, request.voice_id, request.config, principal.user_id, deps, preferred_language=principal.language
    )
    if latency == "low":
        narration = with_first_phrase(narration)
    return stream_narration(narration, len(text), principal, deps, started=started)


def stream_narration(
    narration: Narration, characters: int, principal: Principal, deps: Dependencies, *, started: float | None = None
) -> AsyncGenerator[Part, None]:
    """Yield the bytes of a planned stream as they are made, counted as in `stream_speech`.

    `started` is the time of the request (`perf_counter`), if it was planned before this call.
    """
    since = perf_counter() if started is None else started
    parts = _measured(deps.recorder.stream(narration, user_id=principal.user_id), since, deps)
    return _counted(parts, characters, principal, deps)


async def _measured(parts: AsyncGenerator[Part, None], started: float, deps: Dependencies) -> AsyncGenerator[Part, None]:
    """Yield the parts; measure the time to the first byte, of the engine that made it."""
    silent = True
    async with aclosing(parts):
        async for part in parts:
            if silent and part.audio:
                silent = False
                deps.meter.observe_first_byte(part.totals.settings.engine, started)
            yield part


async def _counted(
    parts: AsyncGenerator[Part, None], characters: int, principal: Principal, deps: Dependencies
) -> AsyncGenerator[Part, None]:
    """Yield the parts; count their seconds at the end, or give the reservation back if there was none.

    The reservation is made here, because a generator that is closed before its first step executes nothing.
    """
    reservation = await deps.quotas.reserve(principal, amounts_of(characters), below=ESTIMATED)
    totals: Totals | None = None
    try:
        async with aclosing(parts):
            async for part in parts:
                totals = part.totals
                yield part
    finally:
        if totals is None:
            await shielded(deps.quotas.release(reservation))
        else:
            await shielded(settle_audio(reservation, totals.duration, deps))


def request_of(
    text: str | None, text_id: str | None, voice_id: str | None, config: SpeechConfig, *, latency: Latency = "normal"
) -> StreamRequest:
    """Build a request from query parameters. Raises `ValidationError`."""
    try:
        return StreamRequest(text=text, text_id=text_id, voice_id=voice_id, config=config, latency=latency)
    except ValueError:
        refuse("text", "Send either text or text_id, and not both.")
