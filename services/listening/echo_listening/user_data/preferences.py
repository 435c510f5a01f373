"""The preferences of users: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import erase_matching
from echo_listening.domain.preferences import Preferences
from echo_listening.repository.preferences import PreferencesOfUsers
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.preferences import preferences_view


@dataclass(frozen=True)
class PreferencesOfUser(UserDataPart):
    """The preferences of users. A derivation in progress loses its lease."""

    preferences: PreferencesOfUsers
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the preferences of a user."""
        await erase_matching(self.preferences, {"user_id": user_id}, Preferences.erase, self.faults)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the preferences."""
        async for preferences in self.preferences.find({"user_id": user_id}):
            fields = preferences_view(user_id, preferences).model_dump(mode="json")
            yield ExportedDocument(collection="preferences", fields=fields)
