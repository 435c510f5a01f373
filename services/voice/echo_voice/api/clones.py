"""Routes of voice models (`/voice/clones`)."""

from typing import Annotated

from fastapi import APIRouter, Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.http.voice import (
    ClonePatch,
    CloneReceipt,
    CloneView,
    CreateCloneRequest,
    ProgressView,
    ResumeRequest,
    Selection,
    TrainingView,
)
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.usecases import clones, sharing
from echo_voice.usecases.studio import page_of

router = APIRouter(prefix="/voice/clones")


@router.post("", status_code=202)
async def create_clone(body: CreateCloneRequest, principal: VoicesWriter, deps: Deps) -> Success[CloneReceipt]:
    """Create a voice model."""
    model = await clones.create_clone(body, principal, deps.studio)
    deps.worker.wake()
    return ok(views.clone_receipt(model))


@router.get("")
async def list_clones(
    principal: VoicesReader, deps: Deps, page: PageQuery, job_id: Annotated[str | None, Query(max_length=64)] = None
) -> Success[list[CloneView]]:
    """List voice models, newest first."""
    found, total = await page_of(deps.studio.models, principal, page, {"job_id": job_id})
    return ok([views.clone_view(model) for model in found], meta=page.meta(total))


@router.get("/{clone_id}")
async def get_clone(clone_id: str, principal: VoicesReader, deps: Deps) -> Success[CloneView]:
    """Get a voice model."""
    return ok(views.clone_view(await clones.find_clone(clone_id, principal, deps.studio)))


@router.patch("/{clone_id}")
async def change_clone(clone_id: str, body: ClonePatch, principal: VoicesWriter, deps: Deps) -> Success[CloneView]:
    """Rename a voice model or cancel its training."""
    model = await clones.change_clone(clone_id, body, principal, deps.studio)
    if body.status == "cancelled":
        deps.worker.recheck(model.id)
    return ok(views.clone_view(model))


@router.delete("/{clone_id}")
async def delete_clone(clone_id: str, principal: VoicesWriter, deps: Deps) -> Success[None]:
    """Delete a voice model."""
    model = await clones.delete_clone(clone_id, principal, deps.studio)
    deps.worker.recheck(model.id)
    return ok(None, message="The clone is deleted.")


@router.get("/{clone_id}/training")
async def training(clone_id: str, principal: VoicesReader, deps: Deps) -> Success[ProgressView]:
    """Get the progress of the current training; the gateway streams it as live progress."""
    return ok(views.progress_view(await clones.find_clone(clone_id, principal, deps.studio)))


@router.get("/{clone_id}/trainings")
async def trainings(clone_id: str, principal: VoicesReader, deps: Deps) -> Success[list[TrainingView]]:
    """List trainings, newest first."""
    return ok(views.trainings_view(await clones.find_clone(clone_id, principal, deps.studio)))


@router.post("/{clone_id}/train", status_code=202)
async def train_again(clone_id: str, body: ResumeRequest, principal: VoicesWriter, deps: Deps) -> Success[CloneReceipt]:
    """Train a voice model again."""
    model = await clones.resume(clone_id, body.config, principal, deps.studio)
    deps.worker.wake()
    return ok(views.clone_receipt(model))


@router.post("/{clone_id}/select")
async def select_clone(clone_id: str, principal: VoicesWriter, deps: Deps) -> Success[Selection]:
    """Select a voice model as the default voice."""
    return ok(Selection(voice_id=await sharing.select(clone_id, principal, deps.studio)))
