"""The tickets of users: their erasure. They are credentials for a minute, and not exported."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from echo_common.auth.tickets import Tickets
from echo_common.contracts.http.user_data import ExportedDocument
from echo_listening.user_data.part import UserDataPart


@dataclass(frozen=True)
class TicketsOfUser(UserDataPart):
    """The tickets of users."""

    tickets: Tickets

    async def erase(self, user_id: str) -> None:
        """Erase the tickets of a user."""
        await self.tickets.erase(user_id)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield nothing."""
        nothing: tuple[ExportedDocument, ...] = ()
        for each in nothing:
            yield each
