"""Schedule of retention: once a day, by one of all replicas."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.store.port import Collection, DuplicateError

_EVERY: Final = timedelta(days=1)
_LOOK_SECONDS: Final = 600.0
_FIRST_SECONDS: Final = 60.0
_ID: Final = "retention"


class RetentionSchedule:
    """The time of the next run, in the database: the replica that moves it on performs the run."""

    def __init__(self, schedules: Collection) -> None:
        self._schedules = schedules
        self._log = structlog.get_logger("echo.retention")

    async def claim(self) -> bool:
        """Return whether a run is due that no other replica performs; it is then this one's."""
        moment = now()
        if await self._schedules.update_one({"_id": _ID, "due_at": {"$lte": moment}}, {"$set": {"due_at": moment + _EVERY}}):
            return True
        if await self._schedules.find_one({"_id": _ID}) is not None:
            return False
        try:
            await self._schedules.insert({"_id": _ID, "due_at": moment + _EVERY})
        except DuplicateError:
            return False  # another replica was faster
        return True

    @asynccontextmanager
    async def running(self, perform: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Perform due runs while the context lasts."""
        async with running_in_background(self._keep_running(perform)):
            yield

    async def _keep_running(self, perform: Callable[[], Awaitable[object]]) -> None:
        pause = _FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _LOOK_SECONDS
            with continue_after_errors(self._log, "retention"):
                if await self.claim():
                    await perform()
