"""Finished audio."""

from fastapi import APIRouter, Request, Response

from echo_common.auth.dependencies import SpeechReader
from echo_common.http.files import object_response
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.audio.formats import FORMATS

router = APIRouter()


@router.api_route("/files/audio/{audio_id}", methods=["GET", "HEAD"])
async def get_audio_file(
    audio_id: str, request: Request, principal: SpeechReader, deps: Deps, download: bool = False
) -> Response:
    """The bytes of an audio: Range, ETag, 304."""
    audio = await usecases.find_audio(audio_id, principal, deps.studio)
    name = f"{audio.id}.{FORMATS[audio.settings.output_format].extension}"
    return object_response(
        request,
        deps.studio.objects,
        audio.object_key,
        size=audio.size,
        mime=audio.mime,
        etag=audio.checksum,
        download_as=name if download else None,
    )
