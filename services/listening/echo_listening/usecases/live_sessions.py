"""Use cases of live connections to group sessions."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.auth.tokens import TokenVerifier
from echo_common.bus.delivery import encode
from echo_common.contracts.errors.group_sessions import GroupSessionEndedError, GroupSessionNotFoundError
from echo_common.contracts.events.listening import GroupSessionReaction
from echo_common.contracts.http.group_sessions import SessionItemView
from echo_common.errors import EchoError
from echo_common.metrics import CommandOutcome, GroupSessionMetrics
from echo_listening.dependencies import Dependencies
from echo_listening.domain.group_sessions import Command, GroupSession
from echo_listening.domain.live_errors import NotAMemberError
from echo_listening.domain.playback import SessionTimeline
from echo_listening.live.channel import Channel
from echo_listening.live.connection import LiveConnection
from echo_listening.usecases import group_sessions

_SERVER_ERROR: Final = 500


@dataclass(frozen=True)
class MemberActions:
    """The actions of a member with a live connection."""

    session_id: str
    principal: Principal
    verifier: TokenVerifier
    deps: Dependencies

    async def apply(self, command: Command) -> GroupSession:
        """Apply a command, and send it to the connections of this replica. Raises the errors of `apply_command`."""
        with _measured(self.deps.group_session_metrics):
            try:
                async with self.deps.live_sessions.commanding(self.session_id):
                    session = await group_sessions.apply_command(self.session_id, command, self.principal, self.deps)
            except GroupSessionNotFoundError:
                raise NotAMemberError from None
        await self.deps.live_sessions.show(session)
        return session

    async def react(self, reaction: str) -> GroupSession:
        """Send a reaction to the item that plays now. Raises `NotAMemberError`, `GroupSessionEndedError`, `BusUnavailableError`."""
        with _measured(self.deps.group_session_metrics):
            return await self._react(reaction)

    async def items(self, session: GroupSession) -> Sequence[SessionItemView]:
        """Return the items of the playlist with the names of their tracks. Raises `StoreUnavailableError`."""
        return await self.deps.live_sessions.items(session)

    def revoked(self) -> bool:
        """Return whether the token or the ticket of the connection has been revoked."""
        return self.verifier.revoked(self.principal)

    async def _react(self, reaction: str) -> GroupSession:
        try:
            session = await group_sessions.find_group_session(self.session_id, self.principal, self.deps)
        except GroupSessionNotFoundError:
            raise NotAMemberError from None
        if not session.active:
            raise GroupSessionEndedError
        now = SessionTimeline(session.items).resolve(session.playback, self.deps.session_clock.now())
        event = GroupSessionReaction(
            session_id=session.id,
            user_id=self.principal.user_id,
            reaction=reaction,
            item_id=now.item_id,
            position=now.position,
            at=now.at,
        )
        await self.deps.bus.publish([encode(event)])
        return session


async def issue_live_ticket(session_id: str, principal: Principal, deps: Dependencies) -> str:
    """Issue a ticket for one live connection. Raises `GroupSessionNotFoundError`, `GroupSessionEndedError`."""
    session = await group_sessions.find_group_session(session_id, principal, deps)
    if not session.active:
        raise GroupSessionEndedError
    return await deps.tickets.issue(principal, session.id)


@asynccontextmanager
async def open_connection(
    channel: Channel, session_id: str, principal: Principal, verifier: TokenVerifier, deps: Dependencies
) -> AsyncIterator[LiveConnection]:
    """Open a live connection of a member, to be held while the context lasts.

    Raises `GroupSessionNotFoundError`, `GroupSessionEndedError`, `TooManyOpenError`, `ServiceUnavailableError`.
    """
    session = await group_sessions.find_group_session(session_id, principal, deps)
    if not session.active:
        raise GroupSessionEndedError
    actions = MemberActions(session.id, principal, verifier, deps)
    connection = LiveConnection(channel, principal.user_id, deps.session_clock, actions, deps.settings.stall_seconds)
    with deps.live_sessions.connected(session.id, connection):
        await deps.live_sessions.refresh(session.id)  # read after the registration, so that no change is missed
        yield connection


@contextmanager
def _measured(metrics: GroupSessionMetrics) -> Iterator[None]:
    started = monotonic()
    outcome: CommandOutcome = "accepted"
    try:
        yield
    except Exception as error:
        outcome = "refused" if isinstance(error, EchoError) and error.status < _SERVER_ERROR else "failed"
        raise
    finally:
        metrics.commands.labels(outcome).observe(monotonic() - started)
