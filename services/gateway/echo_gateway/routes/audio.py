"""Finished audio, byte by byte."""

from typing import Annotated

from fastapi import Header, Path, Query

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import AudioNotFoundError, LinkInvalidError
from echo_common.contracts.http.synthesis import AudioInfo, LinkRequest, SignedLink
from echo_common.http.envelope import Success
from echo_common.http.files import RangeNotSatisfiableError
from echo_gateway.proxy import Media, ProxyRouter, enveloped
from echo_gateway.routes.speech import AUDIO_TYPES, RESULT

AudioId = Annotated[str, Path(description="An audio's id.", examples=["aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_ERRORS = (AudioNotFoundError, RangeNotSatisfiableError, LinkInvalidError)
Expires = Annotated[int | None, Query(ge=0, le=10**11, description="Expiry of a signed link, in Unix seconds.")]
Signature = Annotated[str | None, Query(max_length=100, description="Signature of a signed link; replaces the token.")]
_OTHERWISE = {206: "The part asked for.", 304: "Unchanged."}
_INFO = {
    "id": RESULT["audio_id"],
    "url": RESULT["audio_url"],
    "mime": "audio/wav",
    "format": "wav",
    "sample_rate": 24000,
    "size": RESULT["size"],
    "checksum": "9f2c…",
    "duration": RESULT["duration"],
    "synthesis_id": RESULT["synthesis_id"],
    "created_at": "2026-01-31T10:00:00Z",
}

audio = ProxyRouter("files", service="synthesis")


@audio.forward(
    "GET",
    "/files/audio/{audio_id}",
    scope=Scope.SPEECH_READ,
    ticket_param="signature",
    answers=Media("The whole audio.", AUDIO_TYPES),
    cached=True,
    other_responses=_OTHERWISE,
    errors=_ERRORS,
)
def get_audio(
    audio_id: AudioId,
    download: Annotated[bool, Query(description="Ask browsers to save the file instead of playing it.")] = False,
    byte_range: Annotated[str | None, Header(alias="Range", description="Range of bytes.", examples=["bytes=0-1023"])] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", description="ETag of a cached copy.")] = None,
    expires: Expires = None,
    signature: Signature = None,
) -> None:
    """Get an audio file."""


@audio.forward(
    "HEAD",
    "/files/audio/{audio_id}",
    scope=Scope.SPEECH_READ,
    ticket_param="signature",
    answers=Media("Its size, type and ETag.", ()),
    other_responses=_OTHERWISE,
    errors=_ERRORS,
)
def describe_audio(audio_id: AudioId, expires: Expires = None, signature: Signature = None) -> None:
    """Get the headers of an audio file."""


@audio.forward(
    "DELETE",
    "/files/audio/{audio_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(AudioNotFoundError,),
    example=enveloped(None, message="The audio is deleted."),
)
def delete_audio(audio_id: AudioId) -> None:
    """Delete an audio."""


@audio.forward(
    "GET",
    "/files/{audio_id}/info",
    scope=Scope.SPEECH_READ,
    answers=Success[AudioInfo],
    errors=(AudioNotFoundError,),
    example=enveloped(_INFO),
)
def get_audio_info(audio_id: AudioId) -> None:
    """Get the checksum, type, size and duration of an audio."""


@audio.forward(
    "POST",
    "/files/{audio_id}/link",
    scope=Scope.SPEECH_WRITE,
    answers=Success[SignedLink],
    errors=(AudioNotFoundError,),
    example=enveloped({"url": f"{_INFO['url']}?expires=1769853900&signature=3q2…", "expires_at": "2026-01-31T10:05:00Z"}),
)
def link_audio(audio_id: AudioId, body: LinkRequest | None = None) -> None:
    """Create a signed link to an audio, which needs no token and is valid for at most five minutes."""
