"""Endpoints for samples."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from echo_common.audio_files.formats import MEDIA_TYPES
from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import (
    ConsentRequiredError,
    ProviderUnavailableError,
    SampleNotFoundError,
    SampleStateConflictError,
    SamplesTooShortError,
    UnknownProviderError,
)
from echo_common.contracts.http.base import Name
from echo_common.contracts.http.voice import (
    Description,
    Language,
    SampleReceipt,
    SampleStatus,
    SampleView,
    TrainingReceipt,
    TrainRequest,
    WorkReceipt,
)
from echo_common.contracts.values import Metric
from echo_common.errors import FileTooLargeError, UnsupportedMediaError
from echo_common.http.endpoints import Form, Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.object_response import (
    PARTIAL_RESPONSES,
    ByteRange,
    IfNoneMatch,
    RangeNotSatisfiableError,
    object_response,
)
from echo_common.http.pagination import Page, paginated
from echo_common.http.upload import fields_of, name_of, received
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import SampleId
from echo_voice.usecases import clones, samples
from echo_voice.usecases.pages import ORDERS, load_page

PageQuery = Annotated[Page, Depends(paginated(*ORDERS))]

router = PublicRouter("samples")


class SampleFields(BaseModel):
    """Text fields of an uploaded sample."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = Field(None, description="Name; by default the file's name.")
    description: Description | None = None
    language: Language | None = Field(None, description="Language as a BCP 47 tag; by default detected.")


_FORM = Form("file", SampleFields)
_AUDIO_ERRORS = (SampleNotFoundError, SampleStateConflictError, RangeNotSatisfiableError)


@router.endpoint(
    "POST",
    "/voice/samples",
    status=201,
    form=_FORM,
    idempotent=True,
    errors=(FileTooLargeError, UnsupportedMediaError, QuotaExceededError),
    example=enveloped(examples.SAMPLE_RECEIPT),
    daily_quota=Metric.UPLOADS,
)
async def upload_sample(request: Request, principal: VoicesWriter, deps: Deps) -> Success[SampleReceipt]:
    """Upload a sample: a recording, or a video, of which the sound is used.

    It is processed in the background: poll it until it is ready or rejected.
    """
    async with received(request, field=_FORM.file, limit=deps.settings.upload_bytes) as upload:
        fields = fields_of(upload, SampleFields)
        sample = await samples.upload_sample(
            upload.path,
            principal,
            deps,
            name=fields.name or name_of(upload) or "Recording",
            description=fields.description,
            language=fields.language,
        )
    deps.worker.wake()
    return ok(views.sample_receipt(sample))


@router.endpoint("GET", "/voice/samples", example=enveloped([examples.SAMPLE]))
async def list_samples(
    principal: VoicesReader,
    deps: Deps,
    page: PageQuery,
    status: Annotated[SampleStatus | None, Query(description="Filter by status.")] = None,
) -> Success[list[SampleView]]:
    """List samples, newest first."""
    found, total = await load_page(deps.samples, principal, page, {"status": status.value if status else None})
    return ok([views.sample_view(sample) for sample in found], meta=page.meta(total))


@router.endpoint("GET", "/voice/samples/{sample_id}", errors=(SampleNotFoundError,), example=enveloped(examples.SAMPLE))
async def get_sample(sample_id: SampleId, principal: VoicesReader, deps: Deps) -> Success[SampleView]:
    """Get a sample with its measurements, findings and advice."""
    return ok(views.sample_view(await deps.samples.get(sample_id, user_id=principal.user_id)))


@router.endpoint(
    "HEAD",
    "/voice/samples/{sample_id}/audio",
    name="describe_sample_audio",
    summary="Get the headers of a sample's audio",
    media=Media("Its size, type and ETag.", ()),
    other_responses=PARTIAL_RESPONSES,
    errors=_AUDIO_ERRORS,
)
@router.endpoint(
    "GET",
    "/voice/samples/{sample_id}/audio",
    media=Media("The audio.", MEDIA_TYPES),
    other_responses=PARTIAL_RESPONSES,
    errors=_AUDIO_ERRORS,
)
async def get_sample_audio(
    sample_id: SampleId,
    request: Request,
    principal: VoicesReader,
    deps: Deps,
    variant: Annotated[
        Literal["original", "processed"],
        Query(description="`original` is the uploaded file; `processed` is mono FLAC, trimmed and normalised."),
    ] = "original",
    byte_range: ByteRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Get a sample's audio.

    Supports ranges, ETags and conditional requests. `processed` is 409 until the sample is processed.
    """
    sample = await deps.samples.get(sample_id, user_id=principal.user_id)
    file = sample.audio(variant)
    response = object_response(
        request, deps.objects, file.key, size=file.size, mime=file.mime, etag=file.checksum, download_as=None
    )
    response.headers["Cache-Control"] = "private, no-cache"  # processing again replaces the processed audio
    return response


@router.endpoint(
    "DELETE",
    "/voice/samples/{sample_id}",
    idempotent=True,
    errors=(SampleNotFoundError, SampleStateConflictError),
    example=enveloped(None, message="The sample is deleted."),
)
async def delete_sample(sample_id: SampleId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a sample.

    Clones made from it stay.
    """
    await samples.delete_sample(sample_id, principal, deps)
    return ok(None, message="The sample is deleted.")


@router.endpoint(
    "POST",
    "/voice/samples/{sample_id}/process",
    status=202,
    idempotent=True,
    errors=(SampleNotFoundError, SampleStateConflictError),
    example=enveloped(examples.WORK_RECEIPT),
)
async def process_sample(sample_id: SampleId, principal: VoicesWriter, deps: Deps) -> Success[WorkReceipt]:
    """Process a sample again."""
    sample = await samples.process_again(sample_id, principal, deps)
    deps.worker.wake()
    return ok(views.sample_work(sample))


@router.endpoint(
    "POST",
    "/voice/samples/{sample_id}/train",
    status=202,
    idempotent=True,
    errors=(
        SampleNotFoundError,
        SampleStateConflictError,
        SamplesTooShortError,
        ConsentRequiredError,
        UnknownProviderError,
        ProviderUnavailableError,
    ),
    example=enveloped(examples.TRAINING_RECEIPT, message="Voice training job created with timestamp alignment support"),
)
async def train_from_sample(
    sample_id: SampleId, body: TrainRequest, principal: VoicesWriter, deps: Deps
) -> Success[TrainingReceipt]:
    """Create a clone from this sample alone, also right after its upload: the training waits for its processing.

    `trainer_config` in the response is the training in the trainer's units, into which `config` is converted.
    """
    model, seconds, config = await clones.train_from_sample(sample_id, body, principal, deps)
    deps.worker.wake()
    message = "Voice training job created with timestamp alignment support"
    return ok(views.training_receipt(model, seconds, config), message=message)
