"""Users' accounts of Spotify: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.challenges import Challenges
from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import erase_matching
from echo_listening.domain.spotify import SpotifyLink
from echo_listening.domain.spotify_exports import SpotifyExport
from echo_listening.domain.spotify_imports import SpotifyImport
from echo_listening.repository.spotify import SpotifyExports, SpotifyImports, SpotifyLinks
from echo_listening.user_data.part import UserDataPart
from echo_listening.views.spotify import export_view, import_view, link_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class SpotifyOfUser(UserDataPart):
    """Links to Spotify, imports and exports. Tokens are erased, and never exported. Attempts in progress lose their leases."""

    links: SpotifyLinks
    imports: SpotifyImports
    exports: SpotifyExports
    states: Challenges
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the link, the imports and the exports of a user."""
        await self.states.discard(user_id)
        await erase_matching(self.links, {"_id": user_id}, SpotifyLink.erase, self.faults)
        await erase_matching(self.exports, {"user_id": user_id}, SpotifyExport.erase, self.faults)
        await erase_matching(self.imports, {"user_id": user_id}, SpotifyImport.erase, self.faults)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the link without its tokens, the imports and the exports."""
        link = await self.links.find_one({"_id": user_id})
        if link is not None:
            fields = {**link_view(link).model_dump(mode="json"), "top_artists": list(link.top_artists)}
            yield ExportedDocument(collection="spotify_links", fields=fields)
        async for found in self.imports.find({"user_id": user_id}, sort=_OLDEST):
            yield ExportedDocument(collection="spotify_imports", fields=import_view(found).model_dump(mode="json"))
        async for export in self.exports.find({"user_id": user_id}, sort=_OLDEST):
            yield ExportedDocument(collection="spotify_exports", fields=export_view(export).model_dump(mode="json"))
