"""Client of the internal endpoints by which a user's data is exported from a service."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError
from yarl import URL

from echo_common.contracts.http.user_data import (
    USER_DATA_OBJECTS_PATH,
    USER_DATA_PATH,
    ExportedDocument,
    ExportedObject,
    ExportLine,
)
from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import CONNECT_SECONDS, STARTING, ServiceClient, always_repeatable
from echo_common.storage.port import ObjectNotFoundError

_LONGEST_LINE = 16 * 1024 * 1024
_SILENCE_SECONDS = 60.0


class UserDataClient:
    """A client that reads a user's data, in constant memory. Every call raises `ServiceUnavailableError`.

    `token` is an export token of the user.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def export(self, token: str) -> AsyncGenerator[ExportedDocument | ExportedObject, None]:
        """Yield the user's documents and objects. An export that ends early raises `ServiceUnavailableError`."""
        documents = objects = 0
        async with self._response(USER_DATA_PATH, token) as response:
            async for raw in _lines(response):
                line = self._parsed(raw)
                if line.end is not None:
                    if (line.end.documents, line.end.objects) != (documents, objects):
                        raise self._invalid()
                    return
                if line.document is not None:
                    documents += 1
                    yield line.document
                if line.object is not None:
                    objects += 1
                    yield line.object
        raise self._invalid()

    async def read(self, object_id: str, checksum: str, token: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an object that was listed with a checksum.

        Raises `ObjectNotFoundError` on first use, also for one that was replaced.
        """
        path = f"{USER_DATA_OBJECTS_PATH}/{quote(object_id)}?checksum={quote(checksum)}"
        async with self._response(path, token, may_be_missing=True) as response:
            async for block in response.content.iter_any():
                yield block

    @asynccontextmanager
    async def _response(self, path: str, token: str, *, may_be_missing: bool = False) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {token}"}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)

        async def get(url: URL) -> aiohttp.ClientResponse:
            return await self._client.session.get(url, headers=headers, timeout=limit, allow_redirects=False)

        response = await self._client.send(path, get, repeatable=always_repeatable, idempotent=True)
        try:
            if may_be_missing and response.status == HTTPStatus.NOT_FOUND:
                raise ObjectNotFoundError
            if response.status != HTTPStatus.OK or STARTING in response.headers:
                raise ServiceUnavailableError(f"{self._client.name} refused the export with status {response.status}.")
            yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ServiceUnavailableError(f"The connection to {self._client.name} broke.") from error
        finally:
            response.close()

    def _parsed(self, raw: bytes) -> ExportLine:
        try:
            return ExportLine.model_validate_json(raw)
        except ValidationError as error:
            raise self._invalid() from error

    def _invalid(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(f"{self._client.name} sent an invalid export.")


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for block in response.content.iter_any():
        rest += block
        if b"\n" in block:
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            for line in lines:
                yield line
        elif len(rest) > _LONGEST_LINE:
            raise ServiceUnavailableError("A line of the export is too long.")
