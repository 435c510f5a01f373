"""Endpoints of the Echo API for echos: plain JSON without an envelope."""

from typing import Annotated

from fastapi import Query

from echo_common.auth.dependencies import VoicesReader, VoicesWriter
from echo_common.contracts.errors.voice import CloneNotFoundError, EchoNotFoundError, TooManyEchosError
from echo_common.contracts.http.echo_api import EchoDocument, EchoDocuments, EchoRequest, ReferenceDone, ReferenceOne
from echo_common.http.endpoints import PublicRouter
from echo_voice import views
from echo_voice.api import examples
from echo_voice.api.dependencies import Deps
from echo_voice.api.parameters import EchoId
from echo_voice.usecases import echo_documents, echos, references

_DELETED = "Echo deleted"

router = PublicRouter("Echo API", root="/api", plain=True)


@router.endpoint(
    "POST", "/echo", idempotent=True, errors=(CloneNotFoundError, TooManyEchosError), example=examples.ECHO_DOCUMENT
)
async def create_echo(body: EchoRequest, principal: VoicesWriter, deps: Deps) -> EchoDocument:
    """Create an echo with a voice model of the user.

    `POST /api/v1/echos` sets all fields and accepts every voice.
    """
    references.checked_user(principal, body.user_id)
    return views.echo_document(await echo_documents.create_echo(body, principal, deps))


@router.endpoint("GET", "/echo", example={"echos": [examples.ECHO_DOCUMENT], "count": 1})
async def list_echo_documents(
    principal: VoicesReader,
    deps: Deps,
    user_id: Annotated[str | None, Query(min_length=1, max_length=64, description="Must be the user of the token.")] = None,
) -> EchoDocuments:
    """List the echos of both interfaces, newest first."""
    references.checked_user(principal, user_id)
    found = [views.echo_document(echo) async for echo in echo_documents.list_echos(principal, user_id, deps)]
    return EchoDocuments(echos=found, count=len(found))


@router.endpoint("GET", "/echo/{echo_id}", errors=(EchoNotFoundError,), example=examples.ECHO_DOCUMENT)
async def get_echo_document(echo_id: EchoId, principal: VoicesReader, deps: Deps) -> EchoDocument:
    """Get an echo of either interface."""
    return views.echo_document(await echos.find_echo(echo_id, principal, deps))


@router.endpoint(
    "DELETE",
    "/echo/{echo_id}",
    idempotent=True,
    errors=(EchoNotFoundError,),
    example={"success": True, "message": _DELETED},
)
async def delete_echo_document(echo_id: EchoId, principal: VoicesWriter, deps: Deps) -> ReferenceDone:
    """Delete an echo of either interface."""
    await echos.delete_echo(echo_id, principal, deps)
    return ReferenceDone(message=_DELETED)


@router.endpoint(
    "GET",
    "/echo/{echo_id}/voice-model",
    errors=(CloneNotFoundError, EchoNotFoundError),
    example={"voice_model": examples.VOICE_MODEL_RECORD},
)
async def get_echo_voice_model(echo_id: EchoId, principal: VoicesReader, deps: Deps) -> ReferenceOne:
    """Get the voice model of an echo."""
    model = await echo_documents.find_voice_of_echo(echo_id, principal, deps)
    return ReferenceOne(voice_model=views.reference_record(model))
