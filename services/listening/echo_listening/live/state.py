"""The state of a group session as clients see it."""

from collections.abc import Mapping

from echo_common.contracts.http.group_sessions import GroupMemberView, PlaybackView, SessionItemView
from echo_common.contracts.values import GroupRole, MemberStatus
from echo_listening.domain.group_sessions import GroupSession
from echo_listening.domain.tracks import Track


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


def item_views(session: GroupSession, tracks: Mapping[str, Track]) -> list[SessionItemView]:
    """Build the views of the items, with the names of those tracks that exist."""
    return [
        SessionItemView(
            **item.model_dump(),
            name=tracks[item.track_id].name if item.track_id in tracks else None,
            skipped=item.skipped,
        )
        for item in session.items
    ]


def playback_view(session: GroupSession, time: int) -> PlaybackView:
    """Build the view of the playback."""
    return PlaybackView(
        revision=session.revision,
        clock=session.clock,
        now=time,
        **session.playback.model_dump(),
        playlist_id=session.playlist_id,
        playlist_revision=session.playlist_revision,
    )
