"""Use cases of the usage history."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.http.history import ActionType
from echo_common.contracts.system_settings import RETENTION_HISTORY_DAYS
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.history import Entry


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Filter of a user's history; absent conditions match every entry."""

    user_id: str
    action: ActionType | None = None
    time: TimeRange = ALWAYS

    def where(self) -> dict[str, Any]:
        """Return the filter in the store's form."""
        where: dict[str, Any] = {"user_id": self.user_id}
        if self.action is not None:
            where["action_type"] = self.action.value
        return where | self.time.where("timestamp")


async def record_action(event: DomainEvent, deps: Dependencies) -> None:
    """Record the action of an event, unless the platform acted; idempotent."""
    if getattr(event, "user_id", None) is not None:
        await deps.history.add(Entry.of(event))


async def list_history(wanted: HistoryFilter, page: Page, deps: Dependencies) -> tuple[list[Entry], int]:
    """Return a page of the entries that match, newest first by default, and their total number."""
    where = wanted.where()
    found = deps.history.find(where, direction=page.direction, skip=page.offset, limit=page.limit)
    return [entry async for entry in found], await deps.history.count(where)


def stream_history(wanted: HistoryFilter, page: Page, deps: Dependencies) -> AsyncGenerator[Entry, None]:
    """Yield all entries that match, in the order of the page."""
    return deps.history.find(wanted.where(), direction=page.direction)


async def expire_history(deps: Dependencies, moment: datetime | None = None) -> int:
    """Delete the entries that are older than the system setting permits; return their number."""
    days = deps.live_settings.get(RETENTION_HISTORY_DAYS)
    return await deps.history.delete_before((moment or now()) - timedelta(days=days)) if days else 0
