"""Endpoints for stored audio."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from echo_common.audio.formats import FORMATS
from echo_common.auth.dependencies import Access, SpeechReader, SpeechWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import AudioNotFoundError, RevisionNotFoundError
from echo_common.contracts.http.synthesis import AudioInfo, LinkRequest, SignedLink
from echo_common.errors import LinkInvalidError
from echo_common.http.endpoints import Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.object_response import (
    PARTIAL_RESPONSES,
    ByteRange,
    IfNoneMatch,
    RangeNotSatisfiableError,
    object_response,
)
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.parameters import AUDIO_TYPES, AudioId, RevisionNumber
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.usecases import audio
from echo_synthesis.views import audio_info

_FILE_ERRORS = (AudioNotFoundError, RevisionNotFoundError, RangeNotSatisfiableError, LinkInvalidError)
FilePrincipal = Annotated[Principal | None, Depends(Access((Scope.SPEECH_READ,), ticket_param="signature"))]

router = PublicRouter("files")


@router.endpoint(
    "HEAD",
    "/files/audio/{audio_id}",
    name="describe_audio",
    summary="Get the headers of an audio file",
    media=Media("Its size, type and ETag.", ()),
    other_responses=PARTIAL_RESPONSES,
    errors=_FILE_ERRORS,
)
@router.endpoint(
    "GET",
    "/files/audio/{audio_id}",
    media=Media("The audio.", AUDIO_TYPES),
    cached=True,
    other_responses=PARTIAL_RESPONSES,
    errors=_FILE_ERRORS,
)
async def get_audio(
    audio_id: AudioId,
    request: Request,
    principal: FilePrincipal,
    deps: Deps,
    download: Annotated[bool, Query(description="Ask browsers to save the file instead of playing it.")] = False,
    expires: Annotated[int | None, Query(ge=0, le=10**11, description="Expiry of a signed link, in Unix seconds.")] = None,
    signature: Annotated[
        str | None, Query(max_length=100, description="Signature of a signed link; replaces the token.")
    ] = None,
    revision: RevisionNumber = None,
    byte_range: ByteRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Get an audio file.

    Requires a token of its owner, or a signed link. Supports ranges, ETags and conditional requests. Without `revision` it is
    the current revision; the bytes of a revision never change.
    """
    if principal is None:
        until = expires or 0
        found = await audio.find_linked_audio(audio_id, revision, until, signature or "", deps)
        left = max(0, until - int(now().timestamp()))
        return audio_response(request, found, deps, download=download, revision=revision, link_seconds=left)
    found = await audio.find_audio(audio_id, principal, deps)
    return audio_response(request, found, deps, download=download, revision=revision)


@router.endpoint(
    "DELETE",
    "/files/audio/{audio_id}",
    idempotent=True,
    errors=(AudioNotFoundError,),
    example=enveloped(None, message="The audio is deleted."),
)
async def delete_audio(audio_id: AudioId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete an audio."""
    await audio.delete_audio(audio_id, principal.user_id, deps)
    return ok(None, message="The audio is deleted.")


@router.endpoint("GET", "/files/{audio_id}/info", errors=(AudioNotFoundError,), example=enveloped(examples.AUDIO_INFO))
async def get_audio_info(audio_id: AudioId, principal: SpeechReader, deps: Deps) -> Success[AudioInfo]:
    """Get the checksum, type, size and duration of an audio."""
    return ok(audio_info(await audio.find_audio(audio_id, principal, deps)))


@router.endpoint("POST", "/files/{audio_id}/link", errors=(AudioNotFoundError,), example=enveloped(examples.SIGNED_LINK))
async def link_audio(
    audio_id: AudioId, principal: SpeechWriter, deps: Deps, body: LinkRequest | None = None
) -> Success[SignedLink]:
    """Create a signed link to the current revision of an audio, which needs no token and is valid for at most five minutes."""
    seconds = (body or LinkRequest()).expires_in
    url, until = await audio.link_audio(audio_id, seconds, principal, deps)
    return ok(SignedLink(url=url, expires_at=until))


def audio_response(
    request: Request,
    audio: Audio,
    deps: Dependencies,
    *,
    download: bool,
    revision: int | None,
    link_seconds: int | None = None,
) -> Response:
    """Return the bytes of an audio's revision, or the requested range. Raises `RevisionNotFoundError`, `RangeNotSatisfiableError`."""
    file = audio.find_revision(revision)
    name = f"{audio.id}.{FORMATS[audio.settings.output_format].extension}"
    return object_response(
        request,
        deps.objects,
        file.object_key,
        size=file.size,
        mime=file.mime,
        etag=file.checksum,
        immutable=revision is not None,
        download_as=name if download else None,
        link_seconds=link_seconds,
    )
