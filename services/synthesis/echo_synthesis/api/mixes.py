"""Endpoint for previews of mixes."""

from fastapi import Response

from echo_common.auth.dependencies import SpeechWriter
from echo_common.contracts.errors.synthesis import SPEAKING, VoiceNotFoundError
from echo_common.contracts.errors.voice import VoiceMixConflictError, VoiceMixForbiddenError
from echo_common.contracts.http.voice_mixes import MixPreviewRequest
from echo_common.contracts.values import Metric
from echo_common.http.endpoints import Media, PublicRouter
from echo_common.http.proxy_options import LongRequest
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.streams import respond_with_stream
from echo_synthesis.usecases import previews

router = PublicRouter("voices")


@router.endpoint(
    "POST",
    "/voices/mix/preview",
    media=Media("A short sentence in MP3.", ("audio/mpeg",)),
    long_request=LongRequest.STREAM,
    errors=(VoiceNotFoundError, VoiceMixForbiddenError, VoiceMixConflictError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def preview_mix(body: MixPreviewRequest, principal: SpeechWriter, deps: Deps) -> Response:
    """Get a preview of weighted voices before they are mixed.

    Nothing is saved; `POST /voices/mix` saves the mix as a voice.
    """
    parts = await previews.preview_mix(body, principal, deps)
    return await respond_with_stream(parts, previews.PREVIEW_CONFIG, "audio/mpeg")
