"""The end of group sessions without a connection, and the deletion of those that have ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import GroupSessionNotFoundError
from echo_listening.domain.group_sessions import GroupSession
from echo_listening.repository.group_sessions import GroupSessions, Presence

_ROUND_SECONDS: Final = 600.0
_ENDED_KEPT: Final = timedelta(days=30)
_log = structlog.get_logger("echo.listening")


@dataclass(frozen=True, slots=True)
class IdleSessions:
    """Ends sessions that have had neither a change nor a connection for some hours, and deletes them after 30 days."""

    sessions: GroupSessions
    presence: Presence
    hours: float

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End and delete sessions every ten minutes while the context lasts."""
        async with running_in_background(self._run()):
            yield

    async def end_due(self, moment: datetime) -> int:
        """End the sessions that are idle at a moment, and return their number."""
        since = moment - timedelta(hours=self.hours)
        where = {"active": True, "updated_at": {"$lt": since}}
        ended = 0
        for session_id in [session.id async for session in self.sessions.find(where, without=("items",))]:
            if not await self.presence.has_connections_since(session_id, since):
                with suppress(GroupSessionNotFoundError):  # deleted meanwhile
                    await self.sessions.update(session_id, GroupSession.end)
                    ended += 1
        return ended

    async def delete_due(self, moment: datetime) -> int:
        """Delete the sessions that ended 30 days before a moment, and return their number."""
        where = {"active": False, "updated_at": {"$lt": moment - _ENDED_KEPT}}
        due = [session.id async for session in self.sessions.find(where, without=("items",))]
        for session_id in due:
            with suppress(GroupSessionNotFoundError):  # deleted meanwhile
                await self.sessions.update(session_id, GroupSession.erase)
        return len(due)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            with continue_after_errors(_log, "idle_sessions"):
                await self.end_due(now())
                await self.delete_due(now())
