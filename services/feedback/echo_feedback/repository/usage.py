"""Storage of API usage."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from echo_common.contracts.events.gateway import EndpointUse
from echo_common.store.port import Index, Sort, Store
from echo_feedback.domain.periods import day_of
from echo_feedback.domain.usage import Usage
from echo_feedback.repository.counters import PERIOD, Change, Counters

_FIELDS: Final = ("user_id", "endpoint", PERIOD, "counts", "last_request", "daily_limit")
_SORTED_BY: Final = {"day": PERIOD, "request_count": "counts.requests"}


class ApiUsageCounters:
    """API usage by user, endpoint and day."""

    def __init__(self, store: Store) -> None:
        indexes = [
            Index([("user_id", 1), (PERIOD, -1)]),
            Index([("endpoint", 1), (PERIOD, -1)]),
            Index([("last_request", -1)]),
            Index([("counts.requests", -1)]),
        ]
        self.counters = Counters(store, "api_usage", indexes)

    async def add(self, change_id: str, use: EndpointUse) -> None:
        """Add a use of an event, once. The id is that of the event with a suffix for the use."""
        identity: dict[str, Any] = {"endpoint": use.endpoint, PERIOD: day_of(use.hour), "user_id": use.user_id}
        amounts = {"requests": use.requests, "client_errors": use.client_errors, "server_errors": use.server_errors}
        latest = {"last_request": use.last_request, "daily_limit": use.daily_limit}
        await self.counters.apply(Usage.id_of(use), identity, Change(change_id, amounts, latest, use.last_request))

    async def find(self, where: Mapping[str, Any], *, sort: Sort, skip: int = 0, limit: int = 0) -> AsyncGenerator[Usage, None]:
        """Yield the usage that matches; `limit=0` means all."""
        order = [(_SORTED_BY.get(name, name), direction) for name, direction in sort]
        async for document in self.counters.find(where, fields=_FIELDS, sort=order, skip=skip, limit=limit):
            yield Usage.stored(document)

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self.counters.delete({"user_id": user_id})
