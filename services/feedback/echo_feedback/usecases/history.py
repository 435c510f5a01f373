"""Use cases of the usage history."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from echo_common.background_tasks import running_in_background
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.http.history import ActionType
from echo_common.contracts.system_settings import RETENTION_HISTORY_DAYS
from echo_common.errors import EchoError
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.history import Entry

_EVERY_SECONDS: Final = 3600.0
_log = structlog.get_logger("echo.history")


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
    """Record the action of an event; idempotent."""
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


@asynccontextmanager
async def keep_expiring(deps: Dependencies) -> AsyncIterator[None]:
    """Delete old entries at once and every hour while the context lasts; replicas may do so at the same time."""
    async with running_in_background(_expire_regularly(deps)):
        yield


async def _expire_regularly(deps: Dependencies) -> None:
    await deps.live_settings.wait_until_known()  # an administrator may keep entries for longer than the default
    while True:
        try:
            await expire_history(deps)
        except EchoError as error:
            _log.warning("history_expiry_interrupted", error=error.message)
        except Exception:
            _log.exception("history_expiry_failed")
        await asyncio.sleep(_EVERY_SECONDS)
