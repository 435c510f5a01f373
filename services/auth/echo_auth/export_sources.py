"""Sources of exports: the services that hold data of users, and auth itself."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Protocol

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.http.client import ServiceClient
from echo_common.storage.port import ObjectStore
from echo_common.user_data.client import UserDataClient
from echo_common.user_data.export import ExportableUserData, find_unchanged

IssueToken = Callable[[], Awaitable[str]]
"""Function that returns a valid export token of the user."""


class ExportSource(Protocol):
    """A service whose data of users is exported. Every call raises `ServiceUnavailableError`."""

    def export(self, user_id: str, issue_token: IssueToken) -> AsyncGenerator[ExportedDocument | ExportedObject, None]:
        """Yield the user's documents by collection, and the user's objects."""

    def read(self, item: ExportedObject, user_id: str, issue_token: IssueToken) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a listed object. Raises `ObjectNotFoundError` on first use, also for one that was replaced."""


class LocalSource:
    """Auth's own data of users."""

    def __init__(self, data: ExportableUserData, objects: ObjectStore) -> None:
        self._data = data
        self._objects = objects

    async def export(self, user_id: str, issue_token: IssueToken) -> AsyncGenerator[ExportedDocument | ExportedObject, None]:
        """Yield the user's documents by collection, and the user's objects."""
        async for item in self._data.export(user_id):
            yield item

    async def read(self, item: ExportedObject, user_id: str, issue_token: IssueToken) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a listed object. Raises `ObjectNotFoundError` on first use, also for one that was replaced."""
        found = await find_unchanged(self._data, user_id, item.id, item.checksum)
        async for block in self._objects.read(found.key):
            yield block


class RemoteSource:
    """The data of users in another service."""

    def __init__(self, client: UserDataClient) -> None:
        self._client = client

    async def export(self, user_id: str, issue_token: IssueToken) -> AsyncGenerator[ExportedDocument | ExportedObject, None]:
        """Yield the user's documents by collection, and the user's objects."""
        async with aclosing(self._client.export(await issue_token())) as items:
            async for item in items:
                yield item

    async def read(self, item: ExportedObject, user_id: str, issue_token: IssueToken) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a listed object. Raises `ObjectNotFoundError` on first use, also for one that was replaced."""
        async with aclosing(self._client.read(item.id, item.checksum, await issue_token())) as blocks:
            async for block in blocks:
                yield block


@asynccontextmanager
async def open_sources(own: LocalSource, urls: Mapping[str, str]) -> AsyncIterator[Mapping[str, ExportSource]]:
    """Open auth's own source and those of services, by name. Raises `AddressError`."""
    async with AsyncExitStack() as stack:
        sources: dict[str, ExportSource] = {"auth": own}
        for name, url in urls.items():
            client = await stack.enter_async_context(ServiceClient.open(name, url))
            sources[name] = RemoteSource(UserDataClient(client))
        yield sources
