"""Use cases of group sessions: create, join by code, leave, end, and commands."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import (
    GroupSessionFullError,
    GroupSessionNotFoundError,
    JoinCodeNotFoundError,
    TooManyGroupSessionsError,
)
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.contracts.http.group_sessions import CreateGroupSession, GroupSessionPatch, JoinGroupSession
from echo_common.contracts.values import MemberStatus
from echo_common.http.pagination import Page
from echo_listening.dependencies import Dependencies
from echo_listening.domain.group_sessions import Command, GroupMember, GroupSession, normalized_join_code
from echo_listening.domain.playback import SessionItem
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.ready_set import best_status

GROUP_SESSION_ORDERS = ("created_at", "updated_at")
"""Fields by which the list can be sorted."""


async def create_group_session(request: CreateGroupSession, principal: Principal, deps: Dependencies) -> GroupSession:
    """Create a session.

    Raises `PlaylistNotFoundError`, `PlaylistRoleRequiredError`, `PlaylistInSessionError`, `TooManyGroupSessionsError`.
    """
    playlist = await deps.playlists.get(request.playlist_id, user_ids=principal.user_id)
    playlist.require_editor(principal.user_id)
    await _require_place(principal, deps)
    host = GroupMember(user_id=principal.user_id, display_name=request.display_name, joined_at=now())
    session = GroupSession.create(
        request.name,
        host,
        playlist.id,
        await session_items(playlist, deps),
        playlist.revision,
        time=deps.session_clock.now(),
        clock=deps.session_clock.number,
    )
    await deps.group_sessions.add_new(session)
    await _leave_if_too_many(session.id, principal, deps)
    # Read again: a change in between did not find the session.
    await follow_playlist(playlist.id, deps)
    return await deps.group_sessions.get(session.id)


async def list_group_sessions(
    principal: Principal, page: Page, deps: Dependencies, *, active: bool | None = None
) -> tuple[list[GroupSession], int]:
    """Return a page of the sessions of which the user is a member, without their items, and their total number."""
    where: dict[str, Any] = {"members.user_id": principal.user_id}
    if active is not None:
        where["active"] = active
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.group_sessions.find(where, sort=order, skip=page.offset, limit=page.limit, without=("items",))
    return [session async for session in found], await deps.group_sessions.count(where)


async def find_group_session(session_id: str, principal: Principal, deps: Dependencies) -> GroupSession:
    """Return a session of which the user is a member. Raises `GroupSessionNotFoundError`."""
    session = await deps.group_sessions.get(session_id, **{"members.user_id": principal.user_id})
    return at_present_clock(session, deps)


async def change_group_session(
    session_id: str, request: GroupSessionPatch, principal: Principal, deps: Dependencies
) -> GroupSession:
    """Change a session. Raises `GroupSessionNotFoundError`, `HostRequiredError`, `GroupSessionEndedError`."""

    def change(session: GroupSession) -> None:
        session.require_host(principal.user_id)
        control = session.members_may_control if request.members_may_control is None else request.members_may_control
        session.describe(request.name or session.name, control)

    return await deps.group_sessions.update(session_id, change)


async def join_group_session(request: JoinGroupSession, principal: Principal, address: str, deps: Dependencies) -> GroupSession:
    """Join the session with this code.

    Raises `JoinCodeNotFoundError`, `TooManyAttemptsError`, `GroupSessionFullError`, `TooManyGroupSessionsError`.
    """
    await deps.join_attempts.count(principal.user_id, address)
    code = normalized_join_code(request.code)
    most = deps.settings.session_members
    try:
        found = await deps.group_sessions.find_one({"code": code})
        if found is None:
            raise JoinCodeNotFoundError
        known = found.has_member(principal.user_id)
        if not known:
            await _require_place(principal, deps)
        joined = await deps.group_sessions.amend(
            found, lambda session: session.join(code, principal.user_id, request.display_name, most=most)
        )
    except GroupSessionNotFoundError:  # deleted meanwhile
        raise JoinCodeNotFoundError from None
    except (GroupSessionFullError, TooManyGroupSessionsError):
        await deps.join_attempts.revert(principal.user_id, address)
        raise
    await deps.join_attempts.revert(principal.user_id, address)
    if not known:
        await _leave_if_too_many(joined.id, principal, deps)
    return joined


async def replace_join_code(session_id: str, principal: Principal, deps: Dependencies) -> GroupSession:
    """Replace the code. Raises `GroupSessionNotFoundError`, `HostRequiredError`, `GroupSessionEndedError`."""
    return await deps.group_sessions.replace_code(session_id, principal.user_id)


async def leave_group_session(session_id: str, principal: Principal, deps: Dependencies) -> None:
    """Leave a session. Raises `GroupSessionNotFoundError`."""
    await deps.group_sessions.update(session_id, lambda session: session.leave(principal.user_id))


async def remove_group_member(session_id: str, user_id: str, principal: Principal, deps: Dependencies) -> None:
    """Remove a member. Raises `GroupMemberNotFoundError`, and the errors of `change_group_session`."""

    def change(session: GroupSession) -> None:
        session.require_host(principal.user_id)
        session.remove_member(user_id)

    await deps.group_sessions.update(session_id, change)


async def end_group_session(session_id: str, principal: Principal, deps: Dependencies) -> GroupSession:
    """End a session. Raises the errors of `change_group_session`."""

    def change(session: GroupSession) -> None:
        session.require_host(principal.user_id)
        session.end()

    return await deps.group_sessions.update(session_id, change)


async def apply_command(session_id: str, command: Command, principal: Principal, deps: Dependencies) -> GroupSession:
    """Apply a command of a member, stamped with a time that is later by the lead.

    Raises `GroupSessionNotFoundError`, `GroupSessionEndedError`, `HostRequiredError`, `SessionItemNotFoundError`.
    """

    def change(session: GroupSession) -> bool:
        session.require_control(principal.user_id)
        at_present_clock(session, deps)
        return session.apply(command, time=_lead(deps), clock=deps.session_clock.number)

    return await _update_if(session_id, change, deps)


async def follow_playlist(playlist_id: str, deps: Dependencies) -> None:
    """Play the present state of a playlist in its session, if there is one; idempotent."""
    session = await deps.group_sessions.find_one({"active_playlist_id": playlist_id})
    if session is None:
        return
    try:
        playlist = await deps.playlists.get(playlist_id)
    except PlaylistNotFoundError:
        await end_of_playlist(playlist_id, deps)
        return
    items = await session_items(playlist, deps)

    def change(held: GroupSession) -> bool:
        revisions = (held.revision, held.playlist_revision)
        at_present_clock(held, deps)
        held.follow_playlist(items, playlist.revision, time=_lead(deps), clock=deps.session_clock.number)
        return revisions != (held.revision, held.playlist_revision)

    with suppress(GroupSessionNotFoundError):  # it was deleted meanwhile
        await _update_if(session.id, change, deps)


async def end_of_playlist(playlist_id: str, deps: Dependencies) -> None:
    """End the session of a deleted playlist; idempotent."""
    session = await deps.group_sessions.find_one({"active_playlist_id": playlist_id})
    if session is not None:
        with suppress(GroupSessionNotFoundError):
            await deps.group_sessions.update(session.id, GroupSession.end)


async def name_session_of_playlist(playlist_id: str, deps: Dependencies) -> None:
    """Write the active session of a playlist, or none, into the playlist; idempotent."""
    session = await deps.group_sessions.find_one({"active_playlist_id": playlist_id})

    def change(playlist: Playlist) -> None:
        playlist.session_id = None if session is None else session.id

    with suppress(PlaylistNotFoundError):
        await deps.playlists.change(playlist_id, change)


async def member_statuses(session: GroupSession, deps: Dependencies) -> dict[str, MemberStatus]:
    """Return the status of each member."""
    found = await deps.presence.statuses(session.id, deps.session_clock.now()) if session.active else {}
    return {member.user_id: best_status(found.get(member.user_id, ())) for member in session.members}


async def session_items(playlist: Playlist, deps: Dependencies) -> Sequence[SessionItem]:
    """Return the items of a playlist with their durations in milliseconds."""
    tracks = await deps.tracks.find_by_ids({item.track_id for item in playlist.items})

    def duration(track_id: str) -> int:
        track = tracks.get(track_id)
        return 0 if track is None or track.object_key is None else round((track.duration or 0.0) * 1000)

    return [
        SessionItem(item_id=item.item_id, track_id=item.track_id, duration=duration(item.track_id)) for item in playlist.items
    ]


def at_present_clock(session: GroupSession, deps: Dependencies) -> GroupSession:
    """Move the times of a session to the present clock."""
    session.move_to_clock(deps.session_clock.number, deps.session_clock.moved)
    return session


async def _require_place(principal: Principal, deps: Dependencies) -> None:
    """Raise `TooManyGroupSessionsError` if the user is a member of as many active sessions as permitted."""
    if await deps.group_sessions.count(_active_of(principal)) >= deps.settings.sessions_per_user:
        raise TooManyGroupSessionsError


async def _leave_if_too_many(session_id: str, principal: Principal, deps: Dependencies) -> None:
    """Leave a session if concurrent requests have exceeded the limit together. Raises `TooManyGroupSessionsError`."""
    if await deps.group_sessions.count(_active_of(principal)) > deps.settings.sessions_per_user:
        with suppress(GroupSessionNotFoundError):  # deleted meanwhile
            await leave_group_session(session_id, principal, deps)
        raise TooManyGroupSessionsError


def _active_of(principal: Principal) -> dict[str, Any]:
    return {"members.user_id": principal.user_id, "active": True}


def _lead(deps: Dependencies) -> int:
    return deps.session_clock.now() + deps.settings.command_lead_milliseconds


class _NothingChangedError(Exception):
    """A command changes nothing, so nothing is written."""


async def _update_if(session_id: str, change: Callable[[GroupSession], bool], deps: Dependencies) -> GroupSession:
    """Read, change and save a session, unless the change returns False."""
    read: list[GroupSession] = []

    def checked(session: GroupSession) -> None:
        read[:] = [session]
        if not change(session):
            raise _NothingChangedError

    try:
        return await deps.group_sessions.update(session_id, checked)
    except _NothingChangedError:
        return read[0]
