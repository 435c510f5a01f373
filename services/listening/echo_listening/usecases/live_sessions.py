"""Use cases of live connections to group sessions."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo_common.auth.principal import Principal
from echo_common.bus.delivery import encode
from echo_common.contracts.errors.group_sessions import GroupSessionEndedError, GroupSessionNotFoundError, NotAMemberError
from echo_common.contracts.events.listening import GroupSessionReaction
from echo_common.contracts.http.group_sessions import SessionItemView
from echo_listening.dependencies import Dependencies
from echo_listening.domain.group_sessions import Command, GroupSession
from echo_listening.domain.playback import Timeline
from echo_listening.live.channel import Channel
from echo_listening.live.connection import LiveConnection
from echo_listening.usecases import group_sessions


@dataclass(frozen=True)
class MemberActions:
    """The actions of a member with a live connection."""

    session_id: str
    principal: Principal
    deps: Dependencies

    async def apply(self, command: Command) -> GroupSession:
        """Apply a command, and send it to the connections of this replica. Raises the errors of `apply_command`."""
        try:
            session = await group_sessions.apply_command(self.session_id, command, self.principal, self.deps)
        except GroupSessionNotFoundError:
            raise NotAMemberError from None
        await self.deps.live_sessions.show(session)
        return session

    async def react(self, reaction: str) -> GroupSession:
        """Send a reaction to what plays now. Raises `NotAMemberError`, `GroupSessionEndedError`, `BusUnavailableError`."""
        try:
            session = await group_sessions.find_group_session(self.session_id, self.principal, self.deps)
        except GroupSessionNotFoundError:
            raise NotAMemberError from None
        if not session.active:
            raise GroupSessionEndedError
        now = Timeline(session.items).resolve(session.playback, self.deps.session_clock.now())
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

    async def items(self, session: GroupSession) -> Sequence[SessionItemView]:
        """Return the items of the playlist with the names of their tracks. Raises `StoreUnavailableError`."""
        tracks = await self.deps.tracks.find_by_ids({item.track_id for item in session.items})
        return [
            SessionItemView(
                **item.model_dump(),
                name=tracks[item.track_id].name if item.track_id in tracks else None,
                skipped=item.skipped,
            )
            for item in session.items
        ]


async def hold_connection(channel: Channel, session: GroupSession, principal: Principal, deps: Dependencies) -> None:
    """Hold a live connection of a member. Raises `EchoError`."""
    actions = MemberActions(session.id, principal, deps)
    connection = LiveConnection(channel, principal.user_id, deps.session_clock, actions, deps.settings.stall_seconds)
    with deps.live_sessions.connected(session.id, connection):
        await deps.live_sessions.refresh(session.id)  # read after the registration, so that no change is missed
        await connection.hold()
