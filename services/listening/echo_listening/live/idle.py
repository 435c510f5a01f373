"""The end of group sessions without a connection."""

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
_log = structlog.get_logger("echo.listening")


@dataclass(frozen=True, slots=True)
class IdleSessions:
    """Ends sessions that have had neither a change nor a connection for some hours."""

    sessions: GroupSessions
    presence: Presence
    hours: float

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End idle sessions every ten minutes while the context lasts."""
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

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            with continue_after_errors(_log, "idle_sessions"):
                await self.end_due(now())
