"""The data of users in a part of the service."""

from collections.abc import AsyncIterator
from typing import Protocol

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.storage.port import ObjectInfo


class UserDataPart(Protocol):
    """The data of users in a part of the service. Parts without objects inherit the defaults."""

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user: documents, objects, and copies that others were given; idempotent."""

    def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the user's documents by collection, with the fields of the public API."""

    async def objects(self, user_id: str) -> AsyncIterator[ExportedObject]:
        """Yield the user's objects."""
        nothing: tuple[ExportedObject, ...] = ()
        for each in nothing:
            yield each

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo | None:
        """Return an object that `objects` yields; None for an unknown one, and for another user's."""
        return None
