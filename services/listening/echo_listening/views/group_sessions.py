"""Views of group sessions."""

from collections.abc import Mapping

from echo_common.contracts.http.group_sessions import GroupSessionSummary, GroupSessionView
from echo_common.contracts.values import MemberStatus
from echo_listening.domain.group_sessions import GroupSession
from echo_listening.live.state import member_views, playback_view


def group_session_summary(session: GroupSession, user_id: str) -> GroupSessionSummary:
    """Build the view of a session without its members, for one of them."""
    fields = session.model_dump(include=GroupSessionSummary.model_fields.keys() - {"role", "member_count"})
    return GroupSessionSummary(**fields, role=session.role_of(user_id), member_count=len(session.members))


def group_session_view(
    session: GroupSession, user_id: str, statuses: Mapping[str, MemberStatus], time: int
) -> GroupSessionView:
    """Build the view of a session for one of its members. `time` is that of the session clock."""
    return GroupSessionView(
        **dict(group_session_summary(session, user_id)),
        code=session.code,
        members=member_views(session, statuses),
        playback=playback_view(session, time),
    )
