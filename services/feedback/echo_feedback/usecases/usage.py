"""Use cases of API usage."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.store.port import Sort
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.periods import day_of
from echo_feedback.domain.usage import Usage
from echo_feedback.repository.counters import PERIOD

USAGE_ORDERS: Final = ("day", "last_request", "request_count")
"""Fields by which API usage can be sorted."""

_CONCURRENT: Final = 16


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Filter of API usage; absent conditions match all of it."""

    user_id: str | None = None
    endpoint: str | None = None
    time: TimeRange = ALWAYS

    def where(self) -> dict[str, Any]:
        """Return the filter in the store's form."""
        equal = {"user_id": self.user_id, "endpoint": self.endpoint}
        since = None if self.time.since is None else day_of(self.time.since)  # the day of that time counts
        days = TimeRange(since, self.time.until)
        return {name: value for name, value in equal.items() if value is not None} | days.where(PERIOD)


async def record_usage(event: RequestServed, deps: Dependencies) -> None:
    """Add the requests of an event to the API usage, except those of erased users; count the active users."""
    active: set[str] = set()
    concurrent = asyncio.Semaphore(_CONCURRENT)

    async def add(user_id: str | None, uses: Mapping[int, EndpointUse]) -> None:
        async with concurrent:
            erased = user_id is not None and await deps.erasure.includes(user_id)
            for number, use in uses.items():
                if not erased:
                    # an event may have several uses of one counter, for example those of two hours
                    await deps.usage.add(f"{event.event_id}/{number}", use)
            if user_id is not None:
                await deps.active_users.add(user_id, {use.hour for use in uses.values()}, erased=erased)
                active.add(user_id)

    by_user: defaultdict[str | None, dict[int, EndpointUse]] = defaultdict(dict)
    for number, use in enumerate(event.uses):
        by_user[use.user_id][number] = use
    await asyncio.gather(*(add(user_id, uses) for user_id, uses in by_user.items()))
    for user_id in active:
        await deps.erasure.repeat_for(user_id)  # it may have begun meanwhile


async def list_usage(wanted: UsageFilter, page: Page, deps: Dependencies) -> tuple[list[Usage], int]:
    """Return a page of the API usage that matches, the latest day first by default, and the total number."""
    where = wanted.where()
    found = deps.usage.find(where, sort=_sort(page), skip=page.offset, limit=page.limit)
    return [usage async for usage in found], await deps.usage.counters.count(where)


def stream_usage(wanted: UsageFilter, page: Page, deps: Dependencies) -> AsyncGenerator[Usage, None]:
    """Yield all API usage that matches, in the order of the page."""
    return deps.usage.find(wanted.where(), sort=_sort(page))


def _sort(page: Page) -> Sort:
    return [(page.sort_by, page.direction), ("_id", page.direction)]
