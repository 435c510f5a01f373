"""Endpoints for voice models (`/voice/clones`)."""

from typing import Annotated

from fastapi import Depends, Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.voice import (
    CloneNotFoundError,
    CloneStateConflictError,
    ConsentRequiredError,
    ProviderUnavailableError,
    SampleNotFoundError,
    SampleStateConflictError,
    SamplesTooShortError,
    UnknownProviderError,
)
from echo_common.contracts.http.sharing import Selection
from echo_common.contracts.http.voice import (
    ClonePatch,
    CloneReceipt,
    CloneView,
    CreateCloneRequest,
    ProgressView,
    ResumeRequest,
    TrainingView,
)
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import CloneId
from echo_voice.usecases import clones, sharing
from echo_voice.usecases.pages import ORDERS, load_page

_CHANGE_ERRORS = (CloneNotFoundError, CloneStateConflictError)

PageQuery = Annotated[Page, Depends(paginated(*ORDERS))]

router = PublicRouter("clones")


@router.endpoint(
    "POST",
    "/voice/clones",
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
    example=enveloped(examples.CLONE_RECEIPT),
)
async def create_clone(body: CreateCloneRequest, principal: VoicesWriter, deps: Deps) -> Success[CloneReceipt]:
    """Create a clone from samples that are ready.

    `consent` is `{"attested": true}` where the platform accepts an attestation, `{"statement_sample_id": …}` where it requires
    the speaker's recorded statement. `config.kind` is `instant` or `professional`; `POST
    /voice/clones/{clone_id}/training/preview` speaks with the voice while it is trained.
    """
    model = await clones.create_clone(body, principal, deps)
    deps.worker.wake()
    return ok(views.clone_receipt(model))


@router.endpoint("GET", "/voice/clones", example=enveloped([examples.CLONE]))
async def list_clones(
    principal: VoicesReader,
    deps: Deps,
    page: PageQuery,
    job_id: Annotated[str | None, Query(max_length=64, description="Filter by training.")] = None,
) -> Success[list[CloneView]]:
    """List clones, newest first."""
    found, total = await load_page(deps.models, principal, page, {"job_id": job_id})
    return ok([views.clone_view(model) for model in found], meta=page.meta(total))


@router.endpoint("GET", "/voice/clones/{clone_id}", errors=(CloneNotFoundError,), example=enveloped(examples.CLONE))
async def get_clone(clone_id: CloneId, principal: VoicesReader, deps: Deps) -> Success[CloneView]:
    """Get a clone with its training and quality."""
    return ok(views.clone_view(await clones.find_clone(clone_id, principal, deps)))


@router.endpoint("PATCH", "/voice/clones/{clone_id}", idempotent=True, errors=_CHANGE_ERRORS, example=enveloped(examples.CLONE))
async def change_clone(clone_id: CloneId, body: ClonePatch, principal: VoicesWriter, deps: Deps) -> Success[CloneView]:
    """Rename a clone, or cancel its training."""
    model = await clones.change_clone(clone_id, body, principal, deps)
    if body.status == "cancelled":
        deps.worker.recheck(model.id)
    return ok(views.clone_view(model))


@router.endpoint(
    "DELETE",
    "/voice/clones/{clone_id}",
    idempotent=True,
    errors=(CloneNotFoundError,),
    example=enveloped(None, message="The clone is deleted."),
)
async def delete_clone(clone_id: CloneId, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a clone.

    Audio made with it stays; new speech is refused.
    """
    model = await clones.delete_clone(clone_id, principal, deps)
    deps.worker.recheck(model.id)
    return ok(None, message="The clone is deleted.")


@router.endpoint(
    "GET",
    "/voice/clones/{clone_id}/training",
    errors=(CloneNotFoundError,),
    example=enveloped(examples.TRAINING_PROGRESS),
)
async def get_training(clone_id: CloneId, principal: VoicesReader, deps: Deps) -> Success[ProgressView]:
    """Get the progress of a clone's training."""
    return ok(views.progress_view(await clones.find_clone(clone_id, principal, deps)))


@router.endpoint(
    "GET", "/voice/clones/{clone_id}/trainings", errors=(CloneNotFoundError,), example=enveloped([examples.TRAINING])
)
async def list_trainings(clone_id: CloneId, principal: VoicesReader, deps: Deps) -> Success[list[TrainingView]]:
    """List a clone's trainings, newest first."""
    return ok(views.trainings_view(await clones.find_clone(clone_id, principal, deps)))


@router.endpoint(
    "POST",
    "/voice/clones/{clone_id}/train",
    status=202,
    idempotent=True,
    errors=(*_CHANGE_ERRORS, SampleNotFoundError, SamplesTooShortError, UnknownProviderError, ProviderUnavailableError),
    example=enveloped(examples.CLONE_RECEIPT),
)
async def train_again(clone_id: CloneId, body: ResumeRequest, principal: VoicesWriter, deps: Deps) -> Success[CloneReceipt]:
    """Train a clone again: after a failure, a cancellation, or with another configuration.

    The previous voice stays in use until then.
    """
    model = await clones.resume(clone_id, body.config, principal, deps)
    deps.worker.wake()
    return ok(views.clone_receipt(model))


@router.endpoint(
    "POST",
    "/voice/clones/{clone_id}/select",
    idempotent=True,
    errors=_CHANGE_ERRORS,
    example=enveloped({"voice_id": examples.CLONE["id"]}),
)
async def select_clone(clone_id: CloneId, principal: VoicesWriter, deps: Deps) -> Success[Selection]:
    """Select a clone as the default voice of requests.

    While it is in training the response is 409 with its `status` and `progress`. `POST /voices/{voice_id}/select` selects a
    built-in voice.
    """
    return ok(Selection(voice_id=await sharing.select(clone_id, principal, deps)))
