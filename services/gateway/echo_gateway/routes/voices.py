"""What one can speak with."""

from typing import Annotated

from fastapi import Path

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import SPEAKING, VoiceNotFoundError
from echo_common.contracts.http.synthesis import Voice
from echo_common.http.envelope import Success
from echo_gateway.concurrency import Kind
from echo_gateway.proxy import Media, ProxyRouter, enveloped

_VOICE = {
    "id": "af_heart",
    "name": "Heart",
    "language": "en-US",
    "gender": "female",
    "engine": "kokoro",
    "kind": "built-in",
    "tags": ["neural"],
}

voices = ProxyRouter("voices", service="synthesis")


@voices.forward("GET", "/voices", scope=Scope.SPEECH_READ, answers=Success[list[Voice]], example=enveloped([_VOICE]))
def list_voices() -> None:
    """List voices."""


@voices.forward(
    "GET",
    "/voices/{voice_id}",
    scope=Scope.SPEECH_READ,
    answers=Success[Voice],
    errors=(VoiceNotFoundError,),
    example=enveloped(_VOICE),
)
def get_voice(voice_id: Annotated[str, Path(description="A voice's id.", examples=["af_heart"])]) -> None:
    """Get a voice."""


@voices.forward(
    "GET",
    "/voices/{voice_id}/preview",
    stays_open=Kind.STREAM,
    scope=Scope.SPEECH_READ,
    answers=Media("A short sentence in MP3.", ("audio/mpeg",)),
    errors=(VoiceNotFoundError, *SPEAKING),
)
def preview_voice(voice_id: Annotated[str, Path(description="A voice's id.", examples=["af_heart"])]) -> None:
    """Get a preview of a voice."""
