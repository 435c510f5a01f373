"""The captions of users' tracks: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from echo_common.contracts.http.user_data import ExportedDocument
from echo_listening.repository.captions import Captions
from echo_listening.user_data.part import UserDataPart


@dataclass(frozen=True)
class CaptionsOfUser(UserDataPart):
    """The captions of users' tracks."""

    captions: Captions

    async def erase(self, user_id: str) -> None:
        """Erase the captions of a user's tracks."""
        await self.captions.erase(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the captions."""
        async for captions in self.captions.of_user(user_id):
            fields = captions.model_dump(include={"track_id", "vtt"})
            yield ExportedDocument(collection="track_captions", fields=fields)
