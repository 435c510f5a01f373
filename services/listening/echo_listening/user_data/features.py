"""The audio features of users' tracks: their erasure and their export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument
from echo_common.faults import FaultPoints
from echo_common.user_data.erasure import erase_matching
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.repository.analyses import Analyses
from echo_listening.user_data.part import UserDataPart

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class FeaturesOfUser(UserDataPart):
    """The audio features of users' tracks. Attempts in progress lose their leases."""

    analyses: Analyses
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase the features of a user's tracks."""
        await erase_matching(self.analyses, {"user_id": user_id}, TrackAnalysis.erase, self.faults)

    async def documents(self, user_id: str) -> AsyncIterator[ExportedDocument]:
        """Yield the features."""
        async for analysis in self.analyses.find({"user_id": user_id}, sort=_OLDEST):
            features = {} if analysis.features is None else analysis.features.model_dump(mode="json")
            fields = {"track_id": analysis.id, "status": analysis.analysis_status.value, **features}
            yield ExportedDocument(collection="track_features", fields=fields)
