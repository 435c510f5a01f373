"""Endpoints of the Echo API: plain JSON without an envelope, for compatibility with existing clients."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from echo_common.auth.dependencies import Access, VoicesReader, VoicesWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.voice import (
    AnalysisFailedError,
    CloneNotFoundError,
    ConsentRequiredError,
    EchoNotFoundError,
    ProviderUnavailableError,
    UnreadableError,
)
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.http.base import Name
from echo_common.contracts.http.echo_api import (
    ReferenceDone,
    ReferenceList,
    ReferenceOne,
    ReferencePatch,
    ReferenceUploaded,
)
from echo_common.contracts.values import Metric
from echo_common.errors import FileTooLargeError, UnsupportedMediaError
from echo_common.http.endpoints import Form, PublicRouter
from echo_common.http.upload import fields_of, name_of, received
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import ModelId
from echo_voice.dependencies import Dependencies
from echo_voice.usecases import clones, references

_WAIT_SECONDS = 60.0
_UPLOADED = "Reference audio uploaded successfully"
_SAVED = f"{_UPLOADED} and saved to database"
_DELETED = "Voice model deleted"

Uploader = Annotated[Principal | None, Depends(Access((Scope.VOICES_WRITE,), optional=True))]


class ReferenceFields(BaseModel):
    """Text fields of an uploaded reference."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    user_id: str | None = Field(None, min_length=1, max_length=64, description="Must be the user of the token.")
    echo_id: str | None = Field(None, max_length=64, description="Echo to link the voice model to.")
    file_type: Literal["audio", "video"] | None = Field(None, description="Type of the file; audio when absent.")


_FORM = Form("audio", ReferenceFields)
_ONE = {"voice_model": examples.VOICE_MODEL_RECORD}

router = PublicRouter("Echo API", root="/api", plain=True)


@router.endpoint(
    "POST",
    "/upload-reference",
    form=_FORM,
    idempotent=True,
    errors=(
        FileTooLargeError,
        UnsupportedMediaError,
        UnreadableError,
        AnalysisFailedError,
        ConsentRequiredError,
        ProviderUnavailableError,
        EchoNotFoundError,
        QuotaExceededError,
    ),
    example=examples.REFERENCE_UPLOAD,
    daily_quota=Metric.UPLOADS,
)
async def upload_reference(request: Request, principal: Uploader, deps: Deps) -> ReferenceUploaded:
    """Create a voice model from a recording, with the speaker's permission.

    With a token it is stored, and trained in the background: poll the record's `status_url` until its `status` is `ready`. Without a token the response is 401, unless the operator allows such uploads: then nothing is
    stored, the provider must store voices itself, and a daily limit applies.
    """
    if principal is None:
        async with references.anonymous_upload(deps):
            return await _upload_without_token(request, deps)
    async with received(request, field=_FORM.file, limit=deps.settings.upload_bytes) as upload:
        user_id = upload.fields.get("user_id")
        references.checked_user(principal, user_id)
        fields = fields_of(upload, ReferenceFields)
        model = await references.upload_reference(
            upload.path,
            principal,
            deps,
            name=fields.name or "Voice",
            user_id=user_id,
            echo_id=fields.echo_id,
            file_type=fields.file_type or "audio",
            filename=name_of(upload),
        )
    deps.worker.wake()
    if deps.providers.find(model.provider).stores_voices:
        model = await references.wait_for_training(model, deps, within=_WAIT_SECONDS)
        if model.made is None and model.error_message is not None:
            raise UnreadableError(model.error_message)
    named = user_id or principal.user_id != LOCAL_USER_ID
    record = views.reference_record(model) if named else None
    message = _SAVED if record else _UPLOADED
    return ReferenceUploaded(model_id=model.model_id, reference_id=model.model_id, message=message, database_record=record)


async def _upload_without_token(request: Request, deps: Dependencies) -> ReferenceUploaded:
    async with received(request, field=_FORM.file, limit=deps.settings.upload_bytes) as upload:
        references.checked_user(None, upload.fields.get("user_id"))
        model_id = await references.make_reference(upload.path, deps, name=fields_of(upload, ReferenceFields).name or "Voice")
    return ReferenceUploaded(model_id=model_id, reference_id=model_id, message=_UPLOADED)


@router.endpoint("GET", "/voice-models", example={"voice_models": [examples.VOICE_MODEL_RECORD], "count": 1})
async def list_voice_models(
    principal: VoicesReader,
    deps: Deps,
    user_id: Annotated[str | None, Query(min_length=1, max_length=64, description="Must be the user of the token.")] = None,
) -> ReferenceList:
    """List voice models, newest first."""
    references.checked_user(principal, user_id)
    where = {"user_id": principal.user_id}
    if named := references.client_user_id(principal, user_id):
        where["client_user_id"] = named
    found = deps.models.find(where, sort=[("created_at", -1)])
    records = [views.reference_record(model) async for model in found]
    return ReferenceList(voice_models=records, count=len(records))


@router.endpoint("GET", "/voice-models/{model_id}", errors=(CloneNotFoundError,), example=_ONE)
async def get_voice_model(model_id: ModelId, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """Get a voice model."""
    return ReferenceOne(voice_model=views.reference_record(await references.find_reference(model_id, principal, deps)))


@router.endpoint(
    "PATCH", "/voice-models/{model_id}", idempotent=True, errors=(CloneNotFoundError, EchoNotFoundError), example=_ONE
)
async def change_voice_model(model_id: ModelId, body: ReferencePatch, principal: VoicesWriter, deps: Deps) -> ReferenceOne:
    """Link a voice model to an echo, unlink it with `{"echo_id": null}`, or rename it."""
    model = await references.change_reference(model_id, body, principal, deps)
    return ReferenceOne(voice_model=views.reference_record(model))


@router.endpoint(
    "DELETE",
    "/voice-models/{model_id}",
    idempotent=True,
    errors=(CloneNotFoundError,),
    example={"success": True, "message": _DELETED},
)
async def delete_voice_model(model_id: ModelId, principal: VoicesWriter, deps: Deps) -> ReferenceDone:
    """Delete a voice model.

    The provider's copy stays.
    """
    model = await references.find_reference(model_id, principal, deps)
    await clones.delete_clone(model.id, principal, deps)
    deps.worker.recheck(model.id)
    return ReferenceDone(message=_DELETED)
