"""Routes for stored audio."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from echo_common.auth.dependencies import Bearer, SpeechReader, SpeechWriter, authorized
from echo_common.auth.principal import Scope
from echo_common.clock import now
from echo_common.contracts.http.synthesis import AudioInfo, LinkRequest, SignedLink
from echo_common.http.envelope import Success, ok
from echo_common.http.files import object_response
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.domain import Audio
from echo_synthesis.usecases import Studio
from echo_synthesis.views import audio_info

router = APIRouter()


@router.api_route("/files/audio/{audio_id}", methods=["GET", "HEAD"])
async def get_audio_file(
    audio_id: str,
    request: Request,
    bearer: Bearer,
    deps: Deps,
    download: bool = False,
    expires: Annotated[int | None, Query(ge=0, le=10**11)] = None,
    signature: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Get the bytes of an audio, with Range, ETag and 304; requires a token of its owner or a signed link."""
    if signature is not None:
        until = expires or 0
        audio = await usecases.find_linked_audio(audio_id, until, signature, deps.studio)
        left = max(0, until - int(now().timestamp()))
        return audio_response(request, audio, deps.studio, download=download, link_seconds=left)
    principal = await authorized(request, bearer, Scope.SPEECH_READ)
    audio = await usecases.find_audio(audio_id, principal, deps.studio)
    return audio_response(request, audio, deps.studio, download=download)


@router.delete("/files/audio/{audio_id}")
async def delete_audio(audio_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete an audio."""
    await usecases.delete_audio(audio_id, principal.user_id, deps.studio)
    return ok(None, message="The audio is deleted.")


@router.get("/files/{audio_id}/info")
async def get_audio_info(audio_id: str, principal: SpeechReader, deps: Deps) -> Success[AudioInfo]:
    """Get the metadata of an audio."""
    return ok(audio_info(await usecases.find_audio(audio_id, principal, deps.studio)))


@router.post("/files/{audio_id}/link")
async def link_audio(
    audio_id: str, principal: SpeechWriter, deps: Deps, body: LinkRequest | None = None
) -> Success[SignedLink]:
    """Create a signed link to an audio, for clients without a token."""
    seconds = (body or LinkRequest()).expires_in
    url, until = await usecases.link_audio(audio_id, seconds, principal, deps.studio)
    return ok(SignedLink(url=url, expires_at=until))


def audio_response(
    request: Request, audio: Audio, studio: Studio, *, download: bool, link_seconds: int | None = None
) -> Response:
    """Return an audio's bytes, or the requested range. Raises `RangeNotSatisfiableError`."""
    name = f"{audio.id}.{FORMATS[audio.settings.output_format].extension}"
    return object_response(
        request,
        studio.objects,
        audio.object_key,
        size=audio.size,
        mime=audio.mime,
        etag=audio.checksum,
        download_as=name if download else None,
        link_seconds=link_seconds,
    )
