"""Internal endpoints by which auth exports a user's data from a service; the gateway does not forward them."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from echo_common.auth.dependencies import Bearer
from echo_common.auth.tokens import TokenVerifier
from echo_common.contracts.http.user_data import (
    USER_DATA_MIME,
    USER_DATA_OBJECTS_PATH,
    USER_DATA_PATH,
    ExportedDocument,
    ExportEnd,
    ExportLine,
)
from echo_common.errors import UnauthenticatedError
from echo_common.storage.port import ObjectStore
from echo_common.user_data.export import ExportableUserData, find_unchanged

_BLOCK = 64 * 1024

router = APIRouter()


async def _exported_user(request: Request, credentials: Bearer) -> str:
    """Return the id of the user of an export token; access tokens are refused. Raises `UnauthenticatedError`."""
    if credentials is None:
        raise UnauthenticatedError
    verifier: TokenVerifier = request.app.state.user_data_verifier
    return (await verifier.verify(credentials.credentials)).user_id


ExportedUser = Annotated[str, Depends(_exported_user)]


@router.get(USER_DATA_PATH, include_in_schema=False)
async def export_user_data(request: Request, user_id: ExportedUser) -> Response:
    """Get the user's documents and a list of the user's objects, one JSON line each."""
    data: ExportableUserData = request.app.state.dependencies.user_data
    return StreamingResponse(_lines(data, user_id), media_type=USER_DATA_MIME)


@router.get(f"{USER_DATA_OBJECTS_PATH}/{{object_id:path}}", include_in_schema=False)
async def get_user_data_object(
    object_id: str, checksum: Annotated[str, Query(max_length=64)], request: Request, user_id: ExportedUser
) -> Response:
    """Get the bytes of an object, as they are stored, unless it was replaced since it was listed with the checksum."""
    data: ExportableUserData = request.app.state.dependencies.user_data
    objects: ObjectStore = request.app.state.dependencies.objects
    found = await find_unchanged(data, user_id, object_id, checksum)
    await objects.info(found.key)  # 404 before the response starts
    return StreamingResponse(objects.read(found.key), media_type="application/octet-stream")


async def _lines(data: ExportableUserData, user_id: str) -> AsyncIterator[bytes]:
    documents = objects = 0
    block = bytearray()
    async for item in data.export(user_id):
        if isinstance(item, ExportedDocument):
            line, documents = ExportLine(document=item), documents + 1
        else:
            line, objects = ExportLine(object=item), objects + 1
        block += line.model_dump_json(exclude_defaults=True).encode() + b"\n"
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    end = ExportLine(end=ExportEnd(documents=documents, objects=objects))
    yield bytes(block) + end.model_dump_json(exclude_defaults=True).encode() + b"\n"
