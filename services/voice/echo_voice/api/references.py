"""Routes of the Echo API: plain JSON without an envelope, for compatibility with existing clients."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from echo_common.auth.dependencies import VoicesReader, VoicesWriter, somebody
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.voice import UnreadableError
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.http.echo_api import (
    EchoDocument,
    EchoRequest,
    ReferenceDone,
    ReferenceList,
    ReferenceOne,
    ReferencePatch,
    ReferenceUploaded,
)
from echo_common.http.plain import PlainRoute
from echo_common.http.upload import received
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.api.samples import fields_of
from echo_voice.usecases import clones, references
from echo_voice.usecases.studio import Studio

_WAIT_SECONDS = 60.0
_KINDS = frozenset({"audio", "video"})

router = APIRouter(route_class=PlainRoute)


@router.post("/upload-reference")
async def upload_reference(
    request: Request, principal: Annotated[Principal | None, somebody(Scope.VOICES_WRITE)], deps: Deps
) -> ReferenceUploaded:
    """Create a voice model from an audio file; without a user, no record of it is stored."""
    studio = deps.studio
    if principal is None:
        async with references.anonymous_upload(studio):
            return await _upload_without_token(request, studio)
    async with received(request, field="audio", limit=studio.settings.upload_bytes) as upload:
        user_id = upload.fields.get("user_id")
        references.checked_user(principal, user_id)
        name = fields_of(upload).name or "Voice"
        file_type = upload.fields.get("file_type") or "audio"
        model = await references.upload_reference(
            upload.path,
            principal,
            studio,
            name=name,
            user_id=user_id,
            echo_id=upload.fields.get("echo_id") or None,
            file_type=file_type if file_type in _KINDS else "audio",
        )
    deps.worker.wake()
    message = "The voice model is being made."
    if studio.providers.find(model.provider).keeps_voices:
        model = await references.until_made(model, studio, within=_WAIT_SECONDS)
        if model.made is not None:
            message = "The voice model is made."
        elif model.error_message is not None:
            raise UnreadableError(model.error_message)
    named = user_id or principal.user_id != LOCAL_USER_ID
    record = views.reference_record(model) if named else None
    return ReferenceUploaded(model_id=model.model_id, reference_id=model.model_id, message=message, database_record=record)


async def _upload_without_token(request: Request, studio: Studio) -> ReferenceUploaded:
    async with received(request, field="audio", limit=studio.settings.upload_bytes) as upload:
        references.checked_user(None, upload.fields.get("user_id"))
        model_id = await references.make_reference(upload.path, studio, name=fields_of(upload).name or "Voice")
    return ReferenceUploaded(model_id=model_id, reference_id=model_id, message="The voice model is made.")


@router.get("/voice-models")
async def list_references(
    principal: VoicesReader, deps: Deps, user_id: Annotated[str | None, Query(max_length=64)] = None
) -> ReferenceList:
    """List voice models, newest first."""
    references.checked_user(principal, user_id)
    where = {"user_id": principal.user_id}
    if named := references.client_user_id(principal, user_id):
        where["client_user_id"] = named
    found = deps.studio.models.find(where, sort=[("created_at", -1)])
    records = [views.reference_record(model) async for model in found]
    return ReferenceList(voice_models=records, count=len(records))


@router.get("/voice-models/{model_id}")
async def get_reference(model_id: str, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """Get a voice model."""
    return ReferenceOne(voice_model=views.reference_record(await references.find_reference(model_id, principal, deps.studio)))


@router.patch("/voice-models/{model_id}")
async def change_reference(model_id: str, body: ReferencePatch, principal: VoicesWriter, deps: Deps) -> ReferenceOne:
    """Link a voice model to an echo, or rename it."""
    model = await references.change_reference(model_id, body, principal, deps.studio)
    return ReferenceOne(voice_model=views.reference_record(model))


@router.delete("/voice-models/{model_id}")
async def delete_reference(model_id: str, principal: VoicesWriter, deps: Deps) -> ReferenceDone:
    """Delete a voice model; the provider keeps its copy."""
    model = await references.find_reference(model_id, principal, deps.studio)
    await clones.delete_clone(model.id, principal, deps.studio)
    deps.worker.recheck(model.id)
    return ReferenceDone(message="The voice model is deleted.")


@router.post("/echo")
async def create_echo(body: EchoRequest, principal: VoicesWriter, deps: Deps) -> EchoDocument:
    """Create an echo."""
    references.checked_user(principal, body.user_id)
    return views.echo_document(await references.create_echo(body, principal, deps.studio))


@router.get("/echo/{echo_id}/voice-model")
async def voice_of_echo(echo_id: str, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """Get the voice model of an echo."""
    return ReferenceOne(voice_model=views.reference_record(await references.voice_of_echo(echo_id, principal, deps.studio)))
