"""The state of a group session as clients see it."""

from collections.abc import Mapping

from echo_common.contracts.http.group_sessions import GroupMemberView, PlaybackView
from echo_common.contracts.values import GroupRole, MemberStatus
from echo_listening.domain.group_sessions import GroupSession


def member_views(session: GroupSession, statuses: Mapping[str, MemberStatus]) -> list[GroupMemberView]:
    """Build the views of the members."""
    return [
        GroupMemberView(
            user_id=member.user_id,
            display_name=member.display_name,
            role=GroupRole.HOST if member.user_id == session.host_id else GroupRole.MEMBER,
            status=statuses.get(member.user_id, MemberStatus.AWAY),
            joined_at=member.joined_at,
        )
        for member in session.members
    ]


def playback_view(session: GroupSession, time: int) -> PlaybackView:
    """Build the view of what plays."""
    return PlaybackView(
        revision=session.revision,
        clock=session.clock,
        now=time,
        **session.playback.model_dump(),
        playlist_id=session.playlist_id,
        playlist_revision=session.playlist_revision,
    )
