"""Deletion of old history, usage, errors and statistics by the system settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.contracts.system_settings import (
    RETENTION_ERRORS_DAYS,
    RETENTION_STATISTICS_DAYS,
    RETENTION_USAGE_DAYS,
    SystemSetting,
)
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.periods import day_of
from echo_feedback.repository.counters import PERIOD
from echo_feedback.usecases.history import expire_history

_EVERY_SECONDS: Final = 3600.0
_log = structlog.get_logger("echo.retention")


async def expire_records(deps: Dependencies, moment: datetime | None = None) -> int:
    """Delete records older than the system settings permit; return the number of deleted documents.

    Statistics and usage are kept for whole days, so that the oldest day of a series is complete.
    """
    at = moment or now()

    def find_threshold(setting: SystemSetting[int]) -> datetime | None:
        days = deps.live_settings.get(setting)
        return at - timedelta(days=days) if days else None

    deleted = await expire_history(deps, moment)
    if (usage := find_threshold(RETENTION_USAGE_DAYS)) is not None:
        deleted += await deps.usage.counters.delete({PERIOD: {"$lt": day_of(usage)}})
    if (errors := find_threshold(RETENTION_ERRORS_DAYS)) is not None:
        deleted += await deps.errors.delete_before(errors)
    if (statistics := find_threshold(RETENTION_STATISTICS_DAYS)) is not None:
        deleted += await deps.statistics.counters.delete({PERIOD: {"$lt": day_of(statistics)}})
        deleted += await deps.active_users.delete_before(day_of(statistics))
    return deleted + await deps.applied_events.expire(moment)


@asynccontextmanager
async def keep_expiring(deps: Dependencies) -> AsyncIterator[None]:
    """Delete old records at once and every hour while the context lasts; replicas may do so at the same time."""
    async with running_in_background(_expire_regularly(deps)):
        yield


async def _expire_regularly(deps: Dependencies) -> None:
    await deps.live_settings.wait_until_known()  # an administrator may keep records for longer than the default
    while True:
        with continue_after_errors(_log, "retention"):
            await expire_records(deps)
        await asyncio.sleep(_EVERY_SECONDS)
