"""Finished audio, byte by byte."""

from typing import Annotated

from fastapi import Header, Path, Query

from echo_common.auth.principal import Scope
from echo_gateway.forwarding import Media, Noun
from echo_gateway.refusals import AudioNotFoundError, RangeNotSatisfiableError
from echo_gateway.routes.speech import AUDIO_TYPES

AudioId = Annotated[str, Path(description="An audio's id.", examples=["aud_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_ERRORS = (AudioNotFoundError, RangeNotSatisfiableError)
_OTHERWISE = {206: "The part asked for.", 304: "Unchanged."}

audio = Noun("files", service="synthesis")


@audio.forward(
    "GET",
    "/files/audio/{audio_id}",
    scope=Scope.SPEECH_READ,
    answers=Media("The whole audio.", AUDIO_TYPES),
    remembered=True,
    otherwise=_OTHERWISE,
    errors=_ERRORS,
)
def get_audio(
    audio_id: AudioId,
    download: Annotated[bool, Query(description="Whether browsers save it rather than play it.")] = False,
    byte_range: Annotated[str | None, Header(alias="Range", description="A part of it.", examples=["bytes=0-1023"])] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", description="The ETag one has.")] = None,
) -> None:
    """The audio."""


@audio.forward(
    "HEAD",
    "/files/audio/{audio_id}",
    scope=Scope.SPEECH_READ,
    answers=Media("Its size, type and ETag.", ()),
    otherwise=_OTHERWISE,
    errors=_ERRORS,
)
def describe_audio(audio_id: AudioId) -> None:
    """What the audio is, without its bytes."""
