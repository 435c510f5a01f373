"""The interactions of users: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument
from echo_listening.repository.interactions import Interactions
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.interactions import interaction_view

_OLDEST: Final = (("timestamp", 1),)


@dataclass(frozen=True)
class InteractionsOfUser(UserDataPart):
    """The interactions of users."""

    interactions: Interactions

    async def erase(self, user_id: str) -> None:
        """Erase the interactions of a user."""
        await self.interactions.delete_of_user(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the interactions."""
        async for interaction in self.interactions.find({"user_id": user_id}, sort=_OLDEST):
            fields = interaction_view(interaction).model_dump(mode="json")
            yield ExportedDocument(collection="interactions", fields=fields)
