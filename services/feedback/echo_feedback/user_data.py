"""The data of users in feedback: its erasure and its export."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.faults import FaultPoints
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError
from echo_common.user_data.erasure import erase_matching
from echo_feedback.domain.ratings import Rating
from echo_feedback.domain.webhooks import Webhook
from echo_feedback.repository.active_users import ActiveUsers
from echo_feedback.repository.audios import Audios
from echo_feedback.repository.history import UsageHistory
from echo_feedback.repository.ratings import Ratings
from echo_feedback.repository.usage import ApiUsageCounters
from echo_feedback.repository.voices import VoiceAccess
from echo_feedback.repository.webhooks import Deliveries, Webhooks
from echo_feedback.views import build_api_usage, delivery_view, history_entry, rating_view, webhook_view

_OLDEST: Final = (("created_at", 1),)


@dataclass(frozen=True)
class FeedbackUserData:
    """Ratings, the usage history, API usage, webhooks, and the read models of audio and of access to voices."""

    ratings: Ratings
    audios: Audios
    voices: VoiceAccess
    history: UsageHistory
    usage: ApiUsageCounters
    active_users: ActiveUsers
    webhooks: Webhooks
    deliveries: Deliveries
    faults: FaultPoints

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user.

        The user's ratings remain in the totals without user, audio, comment and categories, as the user's requests in the statistics.
        """
        await self.audios.erase(user_id)
        await erase_matching(self.ratings, {"user_id": user_id}, Rating.anonymize, self.faults)
        await self.history.erase(user_id)
        await self.usage.erase(user_id)
        await self.active_users.erase(user_id)
        await self.voices.erase(user_id)
        await erase_matching(self.webhooks, {"user_id": user_id}, Webhook.erase, self.faults)
        await self.deliveries.erase(user_id)

    async def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield the ratings, the usage history, the webhooks without secrets, the deliveries to them, and the API usage."""
        async for rating in self.ratings.find({"user_id": user_id}, sort=_OLDEST):
            yield ExportedDocument(collection="ratings", fields=rating_view(rating).model_dump(mode="json"))
        async for entry in self.history.find({"user_id": user_id}, direction=1):
            yield ExportedDocument(collection="usage_history", fields=history_entry(entry).model_dump(mode="json"))
        async for webhook in self.webhooks.find({"user_id": user_id}, sort=_OLDEST):
            yield ExportedDocument(collection="webhooks", fields=webhook_view(webhook).model_dump(mode="json"))
        async for delivery in self.deliveries.find({"user_id": user_id}, sort=_OLDEST):
            yield ExportedDocument(collection="webhook_deliveries", fields=delivery_view(delivery).model_dump(mode="json"))
        async for usage in self.usage.find({"user_id": user_id}, sort=[("day", 1), ("_id", 1)]):
            yield ExportedDocument(collection="api_usage", fields=build_api_usage(usage).model_dump(mode="json"))

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Raise `ObjectNotFoundError`: the service stores no objects."""
        raise ObjectNotFoundError
