"""Group sessions: members who hear one playlist at the same time, and the commands that change the playback."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import (
    GroupMemberNotFoundError,
    GroupSessionEndedError,
    GroupSessionFullError,
    GroupSessionNotFoundError,
    HostRequiredError,
    JoinCodeNotFoundError,
)
from echo_common.contracts.events.listening import GroupSessionChanged, GroupSessionEnded, GroupSessionStarted
from echo_common.contracts.values import GroupRole
from echo_common.ids import new_id
from echo_listening.domain.live_errors import SessionItemNotFoundError
from echo_listening.domain.playback import Change, Playback, SessionItem, SessionTimeline, UnknownItemError

JOIN_CODE_LENGTH: Final = 8
"""Characters of a join code: 40 random bits."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE: Final = str.maketrans("OIL", "011", "- ")

Command = Callable[[SessionTimeline], Change]
"""A command of a member, for the playlist as it is when the command is stamped. Raises `UnknownItemError`."""


def new_join_code() -> str:
    """Return a random code in Crockford's base 32."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(JOIN_CODE_LENGTH))


def normalized_join_code(text: str) -> str:
    """Return a code as it is stored: upper case, without hyphens and spaces, and with digits for the letters they resemble."""
    return text.upper().translate(_ALIKE)


class GroupMember(BaseModel):
    """A member of a group session."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    display_name: str
    joined_at: datetime


class GroupSession(Aggregate):
    """A group session. The item that plays is a function of `playback`, `items` and the time.

    `clock` is the number of the clock of its times. `revision` counts changes of the playback, `items_revision` those of the items.
    `active_playlist_id` and `code` exist only while it is active, because they are unique. `removed_user_ids` may not join with the
    present code. The host is always a member; the members are in the order of joining.
    """

    name: str
    host_id: str
    playlist_id: str
    active_playlist_id: str | None = None
    code: str | None = None
    active: bool = True
    members_may_control: bool = True
    members: tuple[GroupMember, ...] = ()
    removed_user_ids: tuple[str, ...] = ()
    items: tuple[SessionItem, ...] = ()
    items_revision: int = 0
    playlist_revision: int = 0
    playback: Playback = Playback()
    clock: int = 0
    revision: int = 1
    ended_at: datetime | None = None

    @classmethod
    def create(
        cls,
        name: str,
        host: GroupMember,
        playlist_id: str,
        items: Sequence[SessionItem],
        playlist_revision: int,
        *,
        time: int,
        clock: int,
    ) -> "GroupSession":
        """Create a session that is paused at the beginning of the playlist."""
        session = cls(
            id=new_id("session"),
            name=name,
            host_id=host.user_id,
            playlist_id=playlist_id,
            active_playlist_id=playlist_id,
            code=new_join_code(),
            members=(host,),
            items=tuple(items),
            playlist_revision=playlist_revision,
            playback=SessionTimeline(items).start(time),
            clock=clock,
        )
        session.record(GroupSessionStarted(session_id=session.id, playlist_id=playlist_id, user_id=host.user_id))
        return session

    def role_of(self, user_id: str) -> GroupRole:
        """Return the role of a member. Raises `GroupSessionNotFoundError`."""
        if not self.has_member(user_id):
            raise GroupSessionNotFoundError
        return GroupRole.HOST if user_id == self.host_id else GroupRole.MEMBER

    def has_member(self, user_id: str) -> bool:
        """Return whether the user is a member."""
        return any(member.user_id == user_id for member in self.members)

    @property
    def items_key(self) -> tuple[int, int]:
        """A value that differs for other items, and for another revision of the playlist."""
        return self.playlist_revision, self.items_revision

    def require_host(self, user_id: str) -> None:
        """Raise `GroupSessionEndedError`, and `HostRequiredError` unless the member is the host."""
        if self.role_of(user_id) is not GroupRole.HOST:
            raise HostRequiredError
        self._require_active()

    def require_control(self, user_id: str) -> None:
        """Raise `GroupSessionEndedError`, and `HostRequiredError` unless the member may send commands."""
        role = self.role_of(user_id)
        self._require_active()
        if role is not GroupRole.HOST and not self.members_may_control:
            raise HostRequiredError

    def join(self, code: str, user_id: str, display_name: str, *, most: int) -> None:
        """Add a member, or rename one. Raises `JoinCodeNotFoundError` for another code, `GroupSessionFullError`."""
        if not self.active or self.code != code or user_id in self.removed_user_ids:
            raise JoinCodeNotFoundError
        known = next((member for member in self.members if member.user_id == user_id), None)
        if known is None and len(self.members) >= most:
            raise GroupSessionFullError
        joined = GroupMember(user_id=user_id, display_name=display_name, joined_at=known.joined_at if known else now())
        if joined == known:
            return
        if known is None:
            self.members = (*self.members, joined)
        else:
            self.members = tuple(joined if member is known else member for member in self.members)
        self._record_change()

    def leave(self, user_id: str) -> None:
        """Remove a member. The next one becomes host; without a member, the session ends and is deleted."""
        self.role_of(user_id)
        self._remove(user_id)

    def remove_member(self, user_id: str) -> None:
        """Remove another member, who may not return with the present code. Raises `GroupMemberNotFoundError`."""
        if not self.has_member(user_id) or user_id == self.host_id:
            raise GroupMemberNotFoundError
        self.removed_user_ids = (*self.removed_user_ids, user_id)
        self._remove(user_id)

    def forget_user(self, user_id: str) -> None:
        """Remove everything of an erased user."""
        self.removed_user_ids = tuple(each for each in self.removed_user_ids if each != user_id)
        if self.has_member(user_id):
            self._remove(user_id)

    def describe(self, name: str, members_may_control: bool) -> None:
        """Change the name, and whether members may send commands."""
        if (name, members_may_control) != (self.name, self.members_may_control):
            self.name, self.members_may_control = name, members_may_control
            self._record_change()

    def replace_code(self) -> None:
        """Create another code, which also members who were removed may use."""
        self.code, self.removed_user_ids = new_join_code(), ()

    def end(self) -> None:
        """End the session, which then plays nothing; idempotent."""
        if not self.active:
            return
        self.active, self.active_playlist_id, self.code, self.ended_at = False, None, None, now()
        self.items, self.playback = (), Playback(at=self.playback.at)
        self.revision += 1
        self.record(GroupSessionEnded(session_id=self.id, playlist_id=self.playlist_id, user_id=self.host_id))
        self._record_change()

    def apply(self, command: Command, *, time: int, clock: int) -> bool:
        """Apply a command from a time of the clock on, and never before the one it replaces; return whether it changes anything.

        Raises `SessionItemNotFoundError`.
        """
        timeline = SessionTimeline(self.items)
        try:
            change = command(timeline)
        except UnknownItemError:
            raise SessionItemNotFoundError from None
        before = timeline.resolve(self.playback, max(time, self.playback.at))
        after = change(before)
        if after is before:
            return False
        self._replace_playback(after, clock)
        return True

    def follow_playlist(self, items: Sequence[SessionItem], playlist_revision: int, *, time: int, clock: int) -> None:
        """Play another state of the playlist, unless a later one plays. The same revision may have other durations."""
        if not self.active or playlist_revision < self.playlist_revision:
            return
        if tuple(items) == self.items:
            self.playlist_revision = playlist_revision
            return
        timeline = SessionTimeline(self.items)
        before = timeline.resolve(self.playback, max(time, self.playback.at))
        after = timeline.replace(items)(before)
        self.items, self.playlist_revision = tuple(items), playlist_revision
        self.items_revision += 1
        self._replace_playback(after, clock)

    def move_to_clock(self, number: int, moved: Callable[[int, int], int]) -> None:
        """Move the times to a later number of the clock, without a change of the playback."""
        if number > self.clock:
            self.playback = self.playback.model_copy(update={"at": moved(self.playback.at, self.clock)})
            self.clock = number

    def _replace_playback(self, playback: Playback, clock: int) -> None:
        self.playback, self.clock = playback, clock
        self.revision += 1
        self._record_change()

    def _require_active(self) -> None:
        if not self.active:
            raise GroupSessionEndedError

    def _remove(self, user_id: str) -> None:
        self.members = tuple(member for member in self.members if member.user_id != user_id)
        if not self.members:
            self.end()
            self.erase()
            return
        if user_id == self.host_id:
            self.host_id = self.members[0].user_id
        self._record_change()

    def _record_change(self) -> None:
        self.record(GroupSessionChanged(session_id=self.id, revision=self.revision))
