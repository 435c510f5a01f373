"""Routes of samples."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as Invalid

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.http.voice import (
    Description,
    Language,
    Name,
    SampleReceipt,
    SampleStatus,
    SampleView,
    TrainingReceipt,
    TrainRequest,
    WorkReceipt,
)
from echo_common.errors import ValidationError
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_common.http.upload import Upload, received
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.usecases import clones, samples
from echo_voice.usecases.studio import page_of

router = APIRouter(prefix="/voice/samples")


class _Fields(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Name | None = None
    description: Description | None = None
    language: Language | None = None


def fields_of(upload: Upload) -> Any:
    """Parse the text fields of an upload; empty ones count as absent. Raises `ValidationError`."""
    try:
        return _Fields.model_validate({name: value for name, value in upload.fields.items() if value})
    except Invalid as error:
        details = [{"field": str(item["loc"][0]), "message": item["msg"]} for item in error.errors()]
        raise ValidationError(f"{details[0]['field']}: {details[0]['message']}", details=details) from None


@router.post("", status_code=201)
async def upload(request: Request, principal: VoicesWriter, deps: Deps) -> Success[SampleReceipt]:
    """Upload a sample."""
    async with received(request, field="file", limit=deps.studio.settings.upload_bytes) as upload:
        fields = fields_of(upload)
        sample = await samples.upload_sample(
            upload.path,
            principal,
            deps.studio,
            name=fields.name or _name_of(upload),
            description=fields.description,
            language=fields.language,
        )
    deps.worker.wake()
    return ok(views.sample_receipt(sample))


@router.get("")
async def list_samples(
    principal: VoicesReader, deps: Deps, page: PageQuery, status: Annotated[SampleStatus | None, Query()] = None
) -> Success[list[SampleView]]:
    """List samples, newest first."""
    found, total = await page_of(deps.studio.samples, principal, page, {"status": status.value if status else None})
    return ok([views.sample_view(sample) for sample in found], meta=page.meta(total))


@router.get("/{sample_id}")
async def get_sample(sample_id: str, principal: VoicesReader, deps: Deps) -> Success[SampleView]:
    """Get a sample and its measures."""
    return ok(views.sample_view(await deps.studio.samples.get(sample_id, user_id=principal.user_id)))


@router.delete("/{sample_id}")
async def delete_sample(sample_id: str, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a sample."""
    await samples.delete_sample(sample_id, principal, deps.studio)
    return ok(None, message="The sample is deleted.")


@router.post("/{sample_id}/process", status_code=202)
async def process(sample_id: str, principal: VoicesWriter, deps: Deps) -> Success[WorkReceipt]:
    """Process a sample again."""
    sample = await samples.process_again(sample_id, principal, deps.studio)
    deps.worker.wake()
    return ok(views.sample_work(sample))


@router.post("/{sample_id}/train", status_code=202)
async def train(sample_id: str, body: TrainRequest, principal: VoicesWriter, deps: Deps) -> Success[TrainingReceipt]:
    """Create a voice model from one sample."""
    model, seconds = await clones.train_from_sample(sample_id, body, principal, deps.studio)
    deps.worker.wake()
    return ok(views.training_receipt(model, seconds))


def _name_of(upload: Upload) -> str:
    return (upload.filename or "").rsplit("/", 1)[-1].rsplit("\\", 1)[-1].strip()[:100] or "Recording"
