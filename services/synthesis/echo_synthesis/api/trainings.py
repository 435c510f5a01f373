"""Endpoint for previews of clones in training."""

from typing import Annotated

from fastapi import Path, Response

from echo_common.auth.dependencies import SpeechWriter
from echo_common.contracts.errors.synthesis import SPEAKING
from echo_common.contracts.errors.voice import CloneNotFoundError, CloneStateConflictError
from echo_common.contracts.http.previews import PreviewRequest
from echo_common.contracts.values import Metric
from echo_common.http.endpoints import Media, PublicRouter
from echo_common.http.proxy_options import LongRequest
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.streams import respond_with_stream
from echo_synthesis.usecases import previews

router = PublicRouter("clones")


@router.endpoint(
    "POST",
    "/voice/clones/{clone_id}/training/preview",
    media=Media("A short sentence in MP3.", ("audio/mpeg",)),
    long_request=LongRequest.STREAM,
    errors=(CloneNotFoundError, CloneStateConflictError, *SPEAKING),
    daily_quota=Metric.SYNTHESES,
)
async def preview_training(
    clone_id: Annotated[str, Path(description="A clone's id.", examples=["vm_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])],
    body: PreviewRequest,
    principal: SpeechWriter,
    deps: Deps,
) -> Response:
    """Get a preview of a clone while it is trained, as it is at present.

    Only its owner hears it, and nothing of it is saved. Before the first improvement the response is 409 `VOICE_NOT_READY`, outside
    of a training 409 `CLONE_STATE_CONFLICT`. `GET /voices/{voice_id}/preview` speaks with a clone that is ready.
    """
    parts = await previews.preview_training(clone_id, body, principal, deps)
    return await respond_with_stream(parts, previews.PREVIEW_CONFIG, "audio/mpeg")
