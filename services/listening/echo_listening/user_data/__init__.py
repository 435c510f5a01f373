"""The data of users in listening: its erasure and its export, one module per part."""

from collections.abc import AsyncIterator, Sequence

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError
from echo_listening.user_data.part import UserDataPart


class ListeningUserData:
    """The data of users in all parts. `parts` are erased and exported in their order."""

    def __init__(self, parts: Sequence[UserDataPart]) -> None:
        self._parts = parts

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user; idempotent."""
        for part in self._parts:
            await part.erase(user_id)

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield the user's documents by collection, then the user's objects."""
        for part in self._parts:
            async for document in part.documents(user_id):
                yield document
        for part in self._parts:
            async for item in part.objects(user_id):
                yield item

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Return an object that `export` listed. Raises `ObjectNotFoundError`, also for another user's."""
        for part in self._parts:
            found = await part.find_object(user_id, object_id)
            if found is not None:
                return found
        raise ObjectNotFoundError
