"""Errors of live connections, which no HTTP response has."""

from echo_common.errors import ForbiddenError, NotFoundError


class NotAMemberError(ForbiddenError):
    """You are no longer a member of the group session; join it with its code."""

    code = "NOT_A_MEMBER"


class SessionItemNotFoundError(NotFoundError):
    """The playlist has no such item; send `sync` to get its present items."""

    code = "SESSION_ITEM_NOT_FOUND"
