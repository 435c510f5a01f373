"""The live group sessions with connections at this replica."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.contracts.errors.group_sessions import GroupSessionNotFoundError
from echo_common.contracts.events.listening import GroupSessionReaction
from echo_common.contracts.http.group_session_frames import ReactionSentFrame
from echo_common.contracts.http.group_sessions import GroupMemberView, SessionItemView
from echo_common.contracts.values import MemberStatus
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.proxy_options import TooManyOpenError
from echo_common.ids import new_id
from echo_common.metrics import GroupSessionMetrics
from echo_listening.domain.group_sessions import GroupSession
from echo_listening.domain.live_errors import NotAMemberError
from echo_listening.domain.ready_set import best_status
from echo_listening.live.clock import SessionClock
from echo_listening.live.connection import LiveConnection
from echo_listening.live.state import item_views, member_views
from echo_listening.repository.group_sessions import GroupSessions, Presence
from echo_listening.repository.tracks import Tracks

_PER_USER: Final = 3
_ROUND_SECONDS: Final = 1.0
_RENEWED_MILLISECONDS: Final = 30_000
_NAMES_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 10
_log = structlog.get_logger("echo.listening")


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of a session with the names of their tracks, which were read at a time."""

    key: tuple[int, int]
    read_at: float
    views: Sequence[SessionItemView]


@dataclass(slots=True)
class _Live:
    """A session with connections here. `stored` is what this replica has stored of its members, with the time."""

    connections: set[LiveConnection] = field(default_factory=set)
    session: GroupSession | None = None
    items: _Items | None = None
    reading_items: asyncio.Lock = field(default_factory=asyncio.Lock)
    stored: dict[str, tuple[MemberStatus, int]] = field(default_factory=dict)
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)
    commanding: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveSessions:
    """Sends the state of sessions to the connections of this replica, and stores the status of their members."""

    def __init__(
        self,
        sessions: GroupSessions,
        presence: Presence,
        tracks: Tracks,
        clock: SessionClock,
        metrics: GroupSessionMetrics,
        most_connections: int,
    ) -> None:
        self._sessions = sessions
        self._presence = presence
        self._tracks = tracks
        self._clock = clock
        self._metrics = metrics
        self._most = most_connections
        self._open = 0
        self._replica = new_id("replica")
        self._live: defaultdict[str, _Live] = defaultdict(_Live)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Compare the versions of the sessions every second while the context lasts, because events may be lost."""
        async with running_in_background(self._follow()):
            yield

    @contextmanager
    def connected(self, session_id: str, connection: LiveConnection) -> Iterator[None]:
        """Count a connection and send it the state while the context lasts.

        Raises `TooManyOpenError`, `ServiceUnavailableError`.
        """
        if self._open >= self._most:
            raise ServiceUnavailableError("Too many live connections are open; try again shortly.", retry_after=_RETRY_SECONDS)
        live = self._live[session_id]
        if sum(one.user_id == connection.user_id for one in live.connections) >= _PER_USER:
            raise TooManyOpenError(f"You have {_PER_USER} connections to this group session. Close one first.")
        live.connections.add(connection)
        self._open += 1
        try:
            with self._metrics.connections.track_inprogress():
                yield
        finally:
            live.connections.discard(connection)
            self._open -= 1

    def commanding(self, session_id: str) -> asyncio.Lock:
        """Return the lock for commands: one at a time at this replica, so that they conflict with those of other replicas alone."""
        return self._live[session_id].commanding

    async def items(self, session: GroupSession) -> Sequence[SessionItemView]:
        """Return the items of a session with connections here, read once for all of them. Raises `StoreUnavailableError`."""
        live = self._live[session.id]
        async with live.reading_items:
            items = live.items
            if items is None or items.key != session.items_key or monotonic() - items.read_at > _NAMES_SECONDS:
                tracks = await self._tracks.find_by_ids({item.track_id for item in session.items})
                items = live.items = _Items(session.items_key, monotonic(), item_views(session, tracks))
            return items.views

    async def refresh(self, session_id: str) -> None:
        """Read a session, and send it to its connections if it has changed."""
        live = self._live.get(session_id)
        if live is None or not live.connections:
            return
        async with live.refreshing:
            try:
                session = await self._sessions.get(session_id)
            except GroupSessionNotFoundError:
                for connection in tuple(live.connections):
                    connection.refuse(NotAMemberError())
                return
            await self._show(live, session)

    async def show(self, session: GroupSession) -> None:
        """Send a session that was changed at this replica."""
        live = self._live.get(session.id)
        if live is not None:
            await self._show(live, session)

    async def send_reaction(self, event: GroupSessionReaction) -> None:
        """Send a reaction to the connections."""
        live = self._live.get(event.session_id)
        frame = ReactionSentFrame(**event.model_dump(include=ReactionSentFrame.model_fields.keys() - {"type"}))
        for connection in () if live is None else tuple(live.connections):
            connection.show_reaction(frame)

    async def _show(self, live: _Live, session: GroupSession) -> None:
        if live.session is not None and session.version < live.session.version:
            return  # an earlier state, which may lack members who have joined since
        session.move_to_clock(self._clock.number, self._clock.moved)
        live.session = session
        for connection in tuple(live.connections):
            connection.show_clock()
            try:
                await connection.show(session)
            except EchoError as error:
                connection.refuse(error)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            with continue_after_errors(_log, "live_sessions"):
                await self._compare()
            for session_id in tuple(self._live):
                with continue_after_errors(_log, "live_members"):
                    await self._update_members(session_id)

    async def _compare(self) -> None:
        open_ones = [session_id for session_id, live in self._live.items() if live.connections]
        if not open_ones:
            return
        versions = await self._sessions.versions(open_ones)
        for session_id in open_ones:
            shown = self._live[session_id].session
            if shown is None or versions.get(session_id) != shown.version or shown.clock != self._clock.number:
                await self.refresh(session_id)

    async def _update_members(self, session_id: str) -> None:
        """Store the status of the members with connections here, and send that of all members."""
        live, time = self._live[session_id], self._clock.now()
        for connection in tuple(live.connections):
            connection.end_if_revoked()
        for user_id, status in _statuses(live.connections, live.stored).items():
            known = live.stored.get(user_id)
            if status is MemberStatus.AWAY:
                await self._presence.leave(session_id, user_id, self._replica)
                del live.stored[user_id]
            elif known is None or known[0] is not status or time - known[1] >= _RENEWED_MILLISECONDS:
                await self._presence.store(session_id, user_id, self._replica, status, time)
                live.stored[user_id] = (status, time)
        if not live.connections and not live.stored:
            del self._live[session_id]
        elif live.session is not None and live.connections:
            members = await self._members(live.session, time)
            for connection in tuple(live.connections):
                connection.show_members(members)

    async def _members(self, session: GroupSession, time: int) -> Sequence[GroupMemberView]:
        found = await self._presence.statuses(session.id, time)
        return member_views(session, {user_id: best_status(statuses) for user_id, statuses in found.items()})


def _statuses(connections: Collection[LiveConnection], stored: Collection[str]) -> dict[str, MemberStatus]:
    """Return the status of users with connections, and `away` of those whose last one was closed."""
    found: dict[str, list[MemberStatus]] = {user_id: [] for user_id in stored}
    for connection in connections:
        found.setdefault(connection.user_id, []).append(connection.status())
    return {user_id: best_status(statuses) for user_id, statuses in found.items()}
