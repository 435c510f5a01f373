"""Text in, speech out."""

from typing import Annotated

from fastapi import Header, Query

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import PLANNING, SPEAKING, TextNotFoundError, TicketInvalidError, VoiceNotFoundError
from echo_common.contracts.http.synthesis import (
    AsyncSynthesis,
    StreamQuery,
    StreamTicketView,
    SynthesisResult,
    SynthesizeRequest,
)
from echo_common.http.envelope import Success
from echo_gateway.concurrency import Kind
from echo_gateway.proxy import Media, ProxyRouter, enveloped

AUDIO_TYPES = ("audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/aac", "audio/pcm", "audio/basic")
RESULT = {
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_id": "aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "audio_url": "/api/v1/files/audio/aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "duration": 1.4,
    "format": "wav",
    "sample_rate": 24000,
    "size": 67244,
    "voice_id": "af_heart",
    "engine": "kokoro",
    "alignment": "model",
    "word_timestamps": [{"word": "Hello", "start_time": 0.28, "end_time": 0.66, "char_start": 0, "char_end": 5}],
    "units": 1,
    "cached_units": 0,
}
_QUEUED = {
    "synthesis_id": "syn_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "job_id": "job_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "estimated_duration": 1.4,
    "status": "pending",
}
_SOUND = Media(
    "Audio as it is made, chunked. A connection that breaks says that the audio is not whole. With `Accept: text/event-stream`, "
    '`audio` events `{"audio": base64, "word_timestamps": […]}`, whose bytes one after the other are one file, and at the end '
    "one `done` event with totals.",
    (*AUDIO_TYPES, "text/event-stream"),
)
Accept = Annotated[str | None, Header(alias="Accept", description="`text/event-stream` for events with times.")]

speech = ProxyRouter("speech", service="synthesis")


@speech.forward(
    "POST",
    "/tts/synthesize",
    stays_open=Kind.SYNTHESIS,
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[SynthesisResult],
    errors=(VoiceNotFoundError, TextNotFoundError, *SPEAKING),
    example=enveloped(RESULT),
)
def synthesize(body: SynthesizeRequest) -> None:
    """Synthesize a text and wait for the audio.

    Returns the location of the audio and the time of each word.
    """


@speech.forward(
    "POST",
    "/tts/synthesize/async",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    status=202,
    answers=Success[AsyncSynthesis],
    errors=(VoiceNotFoundError, TextNotFoundError, *PLANNING),
    example=enveloped(_QUEUED),
)
def synthesize_later(body: SynthesizeRequest) -> None:
    """Synthesize a text in the background, as a job."""


@speech.forward(
    "POST",
    "/tts/synthesize/stream",
    stays_open=Kind.STREAM,
    scope=Scope.SPEECH_WRITE,
    answers=_SOUND,
    errors=(VoiceNotFoundError, TextNotFoundError, *SPEAKING),
)
def stream_speech(body: SynthesizeRequest, accept: Accept = None) -> None:
    """Synthesize a text and stream the audio while it is made."""


@speech.forward(
    "POST",
    "/tts/synthesize/stream/ticket",
    scope=Scope.SPEECH_WRITE,
    answers=Success[StreamTicketView],
    example=enveloped({"ticket": "pT9…", "expires_in": 60, "stream_url": "/api/v1/tts/synthesize/stream?ticket=pT9…"}),
)
def issue_stream_ticket() -> None:
    """Create a ticket for one streamed synthesis by URL.

    It is valid for a minute and replaces the access token, which does not belong in a URL.
    """


@speech.forward(
    "GET",
    "/tts/synthesize/stream",
    stays_open=Kind.STREAM,
    scope=Scope.SPEECH_WRITE,
    ticket_param="ticket",
    answers=_SOUND,
    errors=(VoiceNotFoundError, TextNotFoundError, TicketInvalidError, *SPEAKING),
)
def stream_speech_from_query(query: Annotated[StreamQuery, Query()], accept: Accept = None) -> None:
    """Synthesize a text and stream the audio, for clients that can only open a URL."""
