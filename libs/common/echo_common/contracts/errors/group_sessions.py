"""Errors of group sessions."""

from echo_common.errors import ConflictError, ForbiddenError, NotFoundError


class GroupSessionNotFoundError(NotFoundError):
    """Group session not found; list yours with GET /api/v1/group-sessions, or join one with its code."""

    code = "GROUP_SESSION_NOT_FOUND"


class GroupMemberNotFoundError(NotFoundError):
    """The group session has no such member."""

    code = "GROUP_MEMBER_NOT_FOUND"


class JoinCodeNotFoundError(NotFoundError):
    """No group session has this code; ask its host for the present one."""

    code = "JOIN_CODE_NOT_FOUND"


class HostRequiredError(ForbiddenError):
    """Only the host of the group session may do this."""

    code = "HOST_REQUIRED"


class GroupSessionEndedError(ConflictError):
    """The group session has ended; create another one."""

    code = "GROUP_SESSION_ENDED"


class GroupSessionFullError(ConflictError):
    """The group session has as many members as it may have."""

    code = "GROUP_SESSION_FULL"


class TooManyGroupSessionsError(ConflictError):
    """You are a member of as many active group sessions as you may be; leave or end one first."""

    code = "GROUP_SESSION_LIMIT_CONFLICT"


class PlaylistInSessionError(ConflictError):
    """Another active group session plays this playlist; join it, or end it first."""

    code = "PLAYLIST_IN_SESSION"
