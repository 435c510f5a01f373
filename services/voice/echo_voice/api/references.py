"""The Echo API: plain JSON without envelope, kept so that existing clients work."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.voice import CloneNotFoundError, UnreadableError
from echo_common.contracts.http.voice import (
    EchoDocument,
    EchoRequest,
    ReferenceDone,
    ReferenceList,
    ReferenceOne,
    ReferencePatch,
    ReferenceUploaded,
)
from echo_common.errors import EchoError, ForbiddenError
from echo_common.http.envelope import from_validation
from echo_common.http.upload import received
from echo_voice import views
from echo_voice.api.dependencies import Deps
from echo_voice.api.samples import fields_of
from echo_voice.usecases import clones, references

_WAIT_SECONDS = 60.0
_KINDS = frozenset({"audio", "video"})


class PlainErrors(APIRoute):
    """Answers `{"error": sentence}` where the rest of the platform has an envelope."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its refusals rendered plainly."""
        handle = super().get_route_handler()

        async def plainly(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _plain(from_validation(error))
            except EchoError as error:
                if error.status >= 500 and error.status != 503:
                    structlog.get_logger("echo.http").error("request failed", code=error.code, exc_info=error)
                return _plain(error)

        return plainly


async def _somebody(request: Request) -> Principal | None:
    """The caller, when they show a token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    principal: Principal = await request.app.state.verifier.verify(token.strip())
    if not principal.may(Scope.VOICES_WRITE):
        raise ForbiddenError
    return principal


router = APIRouter(route_class=PlainErrors)


@router.post("/upload-reference")
async def upload_reference(
    request: Request, principal: Annotated[Principal | None, Depends(_somebody)], deps: Deps
) -> ReferenceUploaded:
    """Make a reference of a recording; a record of it is kept when there is a user."""
    studio = deps.studio
    async with received(request, field="audio", limit=studio.settings.upload_bytes) as upload:
        user = references.checked_user(principal, upload.fields.get("user_id"))
        name = fields_of(upload).name or "Voice"
        if user is None:
            model_id = await references.make_reference(upload.path, studio, name=name)
            return ReferenceUploaded(model_id=model_id, reference_id=model_id, message="The voice model is made.")
        file_type = upload.fields.get("file_type") or "audio"
        model = await references.upload_reference(
            upload.path,
            user,
            studio,
            name=name,
            echo_id=upload.fields.get("echo_id") or None,
            file_type=file_type if file_type in _KINDS else "audio",
        )
    deps.worker.ring()
    message = "The voice model is being made."
    if studio.providers.find(model.provider).keeps_voices:
        model = await references.until_made(model, studio, within=_WAIT_SECONDS)
        if model.made is not None:
            message = "The voice model is made."
        elif model.error_message is not None:
            raise UnreadableError(model.error_message)
    record = views.reference_record(model)
    return ReferenceUploaded(model_id=model.model_id, reference_id=model.model_id, message=message, database_record=record)


@router.get("/voice-models")
async def list_references(
    principal: VoicesReader, deps: Deps, user_id: Annotated[str | None, Query(max_length=64)] = None
) -> ReferenceList:
    """One's own voice models, newest first."""
    references.checked_user(principal, user_id)
    found = deps.studio.models.find({"user_id": principal.user_id}, sort=[("created_at", -1)])
    records = [views.reference_record(model) async for model in found]
    return ReferenceList(voice_models=records, count=len(records))


@router.get("/voice-models/{model_id}")
async def get_reference(model_id: str, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """One of them."""
    return ReferenceOne(voice_model=views.reference_record(await references.find_reference(model_id, principal, deps.studio)))


@router.patch("/voice-models/{model_id}")
async def change_reference(model_id: str, body: ReferencePatch, principal: VoicesWriter, deps: Deps) -> ReferenceOne:
    """Link it to an echo, or rename it."""
    model = await references.change_reference(model_id, body, principal, deps.studio)
    return ReferenceOne(voice_model=views.reference_record(model))


@router.delete("/voice-models/{model_id}")
async def delete_reference(model_id: str, principal: VoicesWriter, deps: Deps) -> ReferenceDone:
    """Forget it; the provider's copy stays."""
    model = await references.find_reference(model_id, principal, deps.studio)
    await clones.delete_clone(model.id, principal, deps.studio)
    deps.worker.drop(model.id)
    return ReferenceDone(message="The voice model is deleted.")


@router.post("/echo")
async def create_echo(body: EchoRequest, principal: VoicesWriter, deps: Deps) -> EchoDocument:
    """Make a persona."""
    references.checked_user(principal, body.user_id)
    return views.echo_document(await references.create_echo(body, principal, deps.studio))


@router.get("/echo/{echo_id}/voice-model")
async def voice_of_echo(echo_id: str, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """The voice model that a persona speaks with."""
    return ReferenceOne(voice_model=views.reference_record(await references.voice_of_echo(echo_id, principal, deps.studio)))


def _plain(error: EchoError) -> JSONResponse:
    message = "Voice model not found" if isinstance(error, CloneNotFoundError) else error.message
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 413:
        headers["Connection"] = "close"
    return JSONResponse({"error": message}, status_code=error.status, headers=headers)
