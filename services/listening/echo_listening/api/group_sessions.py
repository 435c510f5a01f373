"""Endpoints for group sessions (`/group-sessions`)."""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request

from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import TooManyAttemptsError
from echo_common.contracts.errors.group_sessions import (
    GroupMemberNotFoundError,
    GroupSessionEndedError,
    GroupSessionFullError,
    GroupSessionNotFoundError,
    HostRequiredError,
    JoinCodeNotFoundError,
    PlaylistInSessionError,
    TooManyGroupSessionsError,
)
from echo_common.contracts.errors.playlists import PlaylistNotFoundError, PlaylistRoleRequiredError
from echo_common.contracts.http.group_sessions import (
    CreateGroupSession,
    GroupSessionPatch,
    GroupSessionSummary,
    GroupSessionView,
    JoinGroupSession,
)
from echo_common.http.addresses import address_from_gateway
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_listening.api.dependencies import Deps
from echo_listening.dependencies import Dependencies
from echo_listening.domain.group_sessions import GroupSession
from echo_listening.usecases import group_sessions
from echo_listening.views.group_sessions import group_session_summary, group_session_view

_HOST: Final = "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J"
_SUMMARY: Final[dict[str, Any]] = {
    "id": "session_01KANJVB3ZJ4N6T2Q8W5X7Y9ZD",
    "name": "Friday",
    "active": True,
    "playlist_id": "playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC",
    "host_id": _HOST,
    "role": "host",
    "members_may_control": True,
    "member_count": 1,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
    "ended_at": None,
}
_SESSION: Final[dict[str, Any]] = _SUMMARY | {
    "code": "7K3M9QXA",
    "members": [
        {
            "user_id": _HOST,
            "display_name": "Ada",
            "role": "host",
            "status": "ready",
            "joined_at": "2026-01-31T10:00:00Z",
        }
    ],
    "playback": {
        "revision": 2,
        "clock": 0,
        "now": 1769853600000,
        "state": "playing",
        "item_id": "item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB",
        "position": 0,
        "at": 1769853600500,
        "playlist_id": _SUMMARY["playlist_id"],
        "playlist_revision": 2,
    },
}
_ENDED: Final = _SESSION | {"active": False, "code": None, "ended_at": "2026-01-31T12:00:00Z"}
_LEFT: Final = "You have left the group session."
_REMOVED: Final = "The member is removed."
_HOST_ERRORS: Final = (GroupSessionNotFoundError, HostRequiredError, GroupSessionEndedError)

GroupSessionId = Annotated[str, Path(description="A group session's id.", examples=[_SUMMARY["id"]])]
MemberId = Annotated[str, Path(description="A user's id.", min_length=1, max_length=64, examples=[_HOST])]
PageQuery = Annotated[Page, Depends(paginated(*group_sessions.GROUP_SESSION_ORDERS))]

router = PublicRouter("group-sessions")


@router.endpoint(
    "POST",
    "/group-sessions",
    status=201,
    idempotent=True,
    errors=(PlaylistNotFoundError, PlaylistRoleRequiredError, PlaylistInSessionError, TooManyGroupSessionsError),
    example=enveloped(_SESSION),
)
async def create_group_session(body: CreateGroupSession, principal: ListeningWriter, deps: Deps) -> Success[GroupSessionView]:
    """Create a group session for a playlist; you are its host.

    It is paused at the first item.
    """
    return await _one(await group_sessions.create_group_session(body, principal, deps), principal, deps)


@router.endpoint("GET", "/group-sessions", example=enveloped([_SUMMARY]))
async def list_group_sessions(
    principal: ListeningReader,
    deps: Deps,
    page: PageQuery,
    active: Annotated[bool | None, Query(description="Filter by whether they are active.")] = None,
) -> Success[list[GroupSessionSummary]]:
    """List group sessions of which you are a member, newest first."""
    found, total = await group_sessions.list_group_sessions(principal, page, deps, active=active)
    return ok([group_session_summary(session, principal.user_id) for session in found], meta=page.meta(total))


@router.endpoint(
    "POST",
    "/group-sessions/join",
    credentials=True,
    errors=(JoinCodeNotFoundError, GroupSessionFullError, TooManyGroupSessionsError, TooManyAttemptsError),
    example=enveloped(_SESSION | {"role": "member"}),
)
async def join_group_session(
    body: JoinGroupSession, principal: ListeningWriter, deps: Deps, request: Request
) -> Success[GroupSessionView]:
    """Join a group session with its code.

    Join again to change your display name. Wrong codes are limited, also those of your network.
    """
    peer = request.client.host if request.client else None
    address = address_from_gateway(peer, request.headers.getlist("x-forwarded-for"))
    session = await group_sessions.join_group_session(body, principal, address, deps)
    return await _one(session, principal, deps)


@router.endpoint("GET", "/group-sessions/{group_session_id}", errors=(GroupSessionNotFoundError,), example=enveloped(_SESSION))
async def get_group_session(
    group_session_id: GroupSessionId, principal: ListeningReader, deps: Deps
) -> Success[GroupSessionView]:
    """Get a group session with its members and its playback."""
    return await _one(await group_sessions.find_group_session(group_session_id, principal, deps), principal, deps)


@router.endpoint(
    "PATCH", "/group-sessions/{group_session_id}", idempotent=True, errors=_HOST_ERRORS, example=enveloped(_SESSION)
)
async def change_group_session(
    group_session_id: GroupSessionId, body: GroupSessionPatch, principal: ListeningWriter, deps: Deps
) -> Success[GroupSessionView]:
    """Change the name of a group session, or whether its members may control it."""
    return await _one(await group_sessions.change_group_session(group_session_id, body, principal, deps), principal, deps)


@router.endpoint(
    "POST", "/group-sessions/{group_session_id}/code", idempotent=True, errors=_HOST_ERRORS, example=enveloped(_SESSION)
)
async def replace_join_code(
    group_session_id: GroupSessionId, principal: ListeningWriter, deps: Deps
) -> Success[GroupSessionView]:
    """Replace the code of a group session; the earlier one is invalid."""
    return await _one(await group_sessions.replace_join_code(group_session_id, principal, deps), principal, deps)


@router.endpoint(
    "POST",
    "/group-sessions/{group_session_id}/leave",
    idempotent=True,
    errors=(GroupSessionNotFoundError,),
    example=enveloped(None, message=_LEFT),
)
async def leave_group_session(group_session_id: GroupSessionId, principal: ListeningWriter, deps: Deps) -> Success[None]:
    """Leave a group session.

    When the host leaves, the member who joined first is host. When the last member leaves, the session is deleted.
    """
    await group_sessions.leave_group_session(group_session_id, principal, deps)
    return ok(None, message=_LEFT)


@router.endpoint(
    "DELETE",
    "/group-sessions/{group_session_id}/members/{user_id}",
    idempotent=True,
    errors=(*_HOST_ERRORS, GroupMemberNotFoundError),
    example=enveloped(None, message=_REMOVED),
)
async def delete_group_member(
    group_session_id: GroupSessionId, user_id: MemberId, principal: ListeningWriter, deps: Deps
) -> Success[None]:
    """Remove another member, who needs a new code to return."""
    await group_sessions.remove_group_member(group_session_id, user_id, principal, deps)
    return ok(None, message=_REMOVED)


@router.endpoint(
    "POST", "/group-sessions/{group_session_id}/end", idempotent=True, errors=_HOST_ERRORS, example=enveloped(_ENDED)
)
async def end_group_session(
    group_session_id: GroupSessionId, principal: ListeningWriter, deps: Deps
) -> Success[GroupSessionView]:
    """End a group session for all its members."""
    return await _one(await group_sessions.end_group_session(group_session_id, principal, deps), principal, deps)


async def _one(session: GroupSession, principal: Principal, deps: Dependencies) -> Success[GroupSessionView]:
    group_sessions.at_present_clock(session, deps)
    statuses = await group_sessions.member_statuses(session, deps)
    return ok(group_session_view(session, principal.user_id, statuses, deps.session_clock.now()))
