"""Repositories of webhooks and of deliveries to them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Final

from echo_common.clock import now
from echo_common.contracts.errors.webhooks import DeliveryNotFoundError, WebhookNotFoundError
from echo_common.contracts.values import JobStatus
from echo_common.outbox.repository import Repository
from echo_common.store.port import DuplicateError, Filter, Index, Sort
from echo_common.work.port import NOT_BUSY, Busy, Candidate
from echo_common.work.repository import TaskRepository
from echo_feedback.domain.deliveries import Delivery
from echo_feedback.domain.webhooks import Webhook

_MOST_PER_WEBHOOK: Final = 4
_MOST_READS: Final = 16


class Webhooks(Repository[Webhook]):
    """The repository of webhooks."""

    aggregate = Webhook
    name = "webhooks"
    missing = WebhookNotFoundError
    indexes: ClassVar[Sequence[Index]] = (Index([("user_id", 1), ("created_at", -1)]),)

    async def enabled_of(self, user_id: str) -> Sequence[Webhook]:
        """Return the user's webhooks that are enabled."""
        return [webhook async for webhook in self.find({"user_id": user_id, "enabled": True})]


class Deliveries(TaskRepository[Delivery]):
    """The repository of deliveries, which the database removes after their expiry.

    Each webhook is a lane of its own: its deliveries take up to four places among the candidates, so that many deliveries to a
    slow one do not hold up those to others.
    """

    aggregate = Delivery
    name = "deliveries"
    missing = DeliveryNotFoundError
    id_label: ClassVar[str] = "delivery_id"
    queue_order: ClassVar[Sort] = (("next_attempt_at", 1),)
    indexes: ClassVar[Sequence[Index]] = (
        Index([("status", 1), ("next_attempt_at", 1)]),
        Index([("user_id", 1), ("webhook_id", 1), ("created_at", -1)]),
        Index([("webhook_id", 1), ("status", 1), ("next_attempt_at", 1)]),
        Index([("expires_at", 1)], ttl=0),
    )

    async def add_once(self, delivery: Delivery) -> None:
        """Add a delivery, unless its event has added it already."""
        with suppress(DuplicateError):
            await self.add(delivery)

    def may_start(self) -> Filter:
        """Return the filter for deliveries that are due."""
        return {"next_attempt_at": {"$lte": now()}}

    async def pending(self, limit: int, where: Filter, busy: Busy = NOT_BUSY) -> Sequence[Candidate]:
        """Return up to `limit` deliveries that are due, by time, at most four of each webhook; the lane of each is its webhook."""
        ready = {self.aggregate.status_field: JobStatus.PENDING.value, **self.may_start(), **where}
        if busy.user_ids:
            ready["user_id"] = {"$nin": sorted(busy.user_ids)}
        candidates: dict[str, Candidate] = {}
        lanes, full = Counter[str](), sorted(busy.lanes)
        for _ in range(_MOST_READS):
            others = {**ready, "webhook_id": {"$nin": full}} if full else ready
            found = self._documents.find(others, sort=self.queue_order, limit=limit, fields=["user_id", "webhook_id"])
            documents = [document async for document in found]
            for document in documents:
                delivery_id, lane = document["_id"], document["webhook_id"]
                if delivery_id not in candidates and lanes[lane] < _MOST_PER_WEBHOOK:
                    candidates[delivery_id] = Candidate(delivery_id, document["user_id"], lane)
                    lanes[lane] += 1
            full = sorted({*busy.lanes, *(lane for lane, number in lanes.items() if number >= _MOST_PER_WEBHOOK)})
            if len(documents) < limit or len(candidates) >= limit:
                break
        return list(candidates.values())[:limit]

    async def delete_of_webhook(self, webhook_id: str, user_id: str) -> None:
        """Delete all deliveries to the user's webhook."""
        await self._documents.delete({"webhook_id": webhook_id, "user_id": user_id})

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self._documents.delete({"user_id": user_id})
