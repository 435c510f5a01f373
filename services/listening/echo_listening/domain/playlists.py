"""Playlists: tracks in an order that their owner and collaborators change, in revisions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.errors.playlists import PlaylistFullError, PlaylistRoleRequiredError
from echo_common.contracts.events.listening import PlaylistDeleted, PlaylistUpdated
from echo_common.contracts.values import PlaylistRole, PlaylistUpdateType
from echo_common.errors import refuse
from echo_common.ids import new_id

MOST_COLLABORATORS: Final = 100
"""Maximum number of collaborators of a playlist."""

KEPT_STATES: Final = 100
"""Number of states of a playlist that can be restored."""

KEPT_ITEMS: Final = 100_000
"""Maximum number of items of the states that are kept together: of long playlists, fewer states are kept."""


class PlaylistItem(BaseModel):
    """A track at a place of a playlist. `added_by` is the track's owner."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    track_id: str
    added_by: str
    added_at: datetime

    @classmethod
    def create(cls, track_id: str, added_by: str) -> "PlaylistItem":
        """Create the item of a track."""
        return cls(item_id=new_id("item"), track_id=track_id, added_by=added_by, added_at=now())


class Collaborator(BaseModel):
    """A user with whom a playlist is shared."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    role: PlaylistRole


class LatestUpdate(BaseModel):
    """The change that made the present revision; without a user, the platform made it."""

    model_config = ConfigDict(frozen=True)

    type: PlaylistUpdateType
    track_ids: tuple[str, ...]
    user_id: str | None
    timestamp: datetime


class Playlist(Aggregate):
    """A playlist. `user_ids` are its owner and its collaborators; `search` is the name, case folded.

    Collaborators, the session and the id at Spotify are no part of the state that revisions count.
    """

    creator_id: str
    name: str
    description: str | None = None
    search: str = ""
    session_id: str | None = None
    spotify_id: str | None = None
    items: tuple[PlaylistItem, ...] = ()
    track_count: int = 0
    collaborators: tuple[Collaborator, ...] = ()
    user_ids: tuple[str, ...] = ()
    revision: int = 0
    latest: LatestUpdate

    @classmethod
    def create(
        cls,
        creator_id: str,
        name: str,
        description: str | None = None,
        track_ids: Sequence[str] = (),
        *,
        type_: PlaylistUpdateType = PlaylistUpdateType.CREATE,
    ) -> "Playlist":
        """Create a playlist with tracks of its owner."""
        playlist = cls(
            id=new_id("playlist"),
            creator_id=creator_id,
            name=name,
            description=description,
            search=name.casefold(),
            items=tuple(PlaylistItem.create(track_id, creator_id) for track_id in track_ids),
            user_ids=(creator_id,),
            latest=LatestUpdate(type=type_, track_ids=(), user_id=creator_id, timestamp=now()),
        )
        playlist._record_update(type_, track_ids, creator_id)
        return playlist

    def role_of(self, user_id: str) -> PlaylistRole | None:
        """Return the role of a user; None for users who do not know the playlist."""
        if user_id == self.creator_id:
            return PlaylistRole.OWNER
        return next((each.role for each in self.collaborators if each.user_id == user_id), None)

    def require_editor(self, user_id: str) -> None:
        """Raise `PlaylistRoleRequiredError` unless the user may change the playlist."""
        if self.role_of(user_id) not in {PlaylistRole.OWNER, PlaylistRole.EDITOR}:
            raise PlaylistRoleRequiredError

    def require_owner(self, user_id: str) -> None:
        """Raise `PlaylistRoleRequiredError` unless the user owns the playlist."""
        if self.role_of(user_id) is not PlaylistRole.OWNER:
            raise PlaylistRoleRequiredError

    def describe(self, name: str, description: str | None, user_id: str) -> None:
        """Change name and description, in one update."""
        if (name, description) == (self.name, self.description):
            return
        type_ = PlaylistUpdateType.DESCRIBE if name == self.name else PlaylistUpdateType.RENAME
        self.name, self.search, self.description = name, name.casefold(), description
        self._record_update(type_, (), user_id)

    def add_tracks(self, track_ids: Sequence[str], user_id: str, *, position: int | None = None, most: int) -> None:
        """Add tracks of a user before the item at a position, by default at the end. Raises `PlaylistFullError`."""
        if len(self.items) + len(track_ids) > most:
            raise PlaylistFullError
        index = len(self.items) if position is None else position
        added = (PlaylistItem.create(track_id, user_id) for track_id in track_ids)
        self._replace_items((*self.items[:index], *added, *self.items[index:]))
        self._record_update(PlaylistUpdateType.ADD, track_ids, user_id)

    def remove_items(self, item_ids: Iterable[str], user_id: str) -> None:
        """Remove items; unknown ones are ignored."""
        removed = set(item_ids)
        self._remove([item for item in self.items if item.item_id in removed], user_id)

    def remove_tracks(self, track_ids: Iterable[str]) -> None:
        """Remove tracks that were deleted."""
        removed = set(track_ids)
        self._remove([item for item in self.items if item.track_id in removed], None)

    def reorder(self, item_ids: Sequence[str], user_id: str) -> None:
        """Give all items a new order. Raises `ValidationError` unless these are exactly the items of the playlist."""
        known = {item.item_id: item for item in self.items}
        if len(item_ids) != len(known) or set(item_ids) != known.keys():
            refuse("item_ids", "Send each item of the playlist exactly once.")
        items = tuple(known[item_id] for item_id in item_ids)
        moved = [item.track_id for before, item in zip(self.items, items, strict=True) if item != before]
        if moved:
            self._replace_items(items)
            self._record_update(PlaylistUpdateType.REORDER, moved, user_id)

    def move(self, item_id: str, position: int, user_id: str) -> None:
        """Move an item to a position; beyond the end it is the last. Raises `ValidationError` for an unknown item."""
        moved = next((item for item in self.items if item.item_id == item_id), None)
        if moved is None:
            refuse("item_id", "The playlist has no such item.")
        items = [item for item in self.items if item is not moved]
        items.insert(position, moved)
        if tuple(items) != self.items:
            self._replace_items(items)
            self._record_update(PlaylistUpdateType.REORDER, (moved.track_id,), user_id)

    def restore(self, state: "PlaylistState", owners: Mapping[str, str], user_id: str) -> None:
        """Restore an earlier state, without tracks whose owner is unknown or no longer a collaborator.

        Args:
            state: The state.
            owners: The owners of tracks that exist, by the track's id.
            user_id: The user who restores it.
        """
        items = tuple(
            PlaylistItem(**dict(item), added_by=owners[item.track_id])
            for item in state.items
            if owners.get(item.track_id) in self.user_ids
        )
        if (state.name, state.description, items) == (self.name, self.description, self.items):
            return
        before = {item.item_id: item.track_id for item in self.items}
        after = {item.item_id: item.track_id for item in items}
        concerned = [
            track for held, other in ((before, after), (after, before)) for key, track in held.items() if key not in other
        ]
        self.name, self.search, self.description = state.name, state.name.casefold(), state.description
        self._replace_items(items)
        self._record_update(PlaylistUpdateType.RESTORE, tuple(dict.fromkeys(concerned)), user_id)

    def import_tracks(self, name: str, description: str | None, track_ids: Sequence[str], user_id: str) -> None:
        """Use name, description and tracks of the playlist at Spotify; items of tracks that stay keep their ids."""
        held: dict[str, list[PlaylistItem]] = {}
        for item in reversed(self.items):
            held.setdefault(item.track_id, []).append(item)
        items = tuple(
            held[track_id].pop() if held.get(track_id) else PlaylistItem.create(track_id, user_id) for track_id in track_ids
        )
        if (name, description, items) == (self.name, self.description, self.items):
            return
        before, after = {item.track_id for item in self.items}, set(track_ids)
        concerned = [
            track_id for track_id in (*track_ids, *sorted(before - after)) if (track_id in before) != (track_id in after)
        ]
        self.name, self.search, self.description = name, name.casefold(), description
        self._replace_items(items)
        self._record_update(PlaylistUpdateType.IMPORT, concerned, user_id)

    def set_collaborator(self, user_id: str, role: PlaylistRole) -> None:
        """Share the playlist with a user in this role. Raises `PlaylistFullError`."""
        others = tuple(each for each in self.collaborators if each.user_id != user_id)
        if len(others) >= MOST_COLLABORATORS:
            raise PlaylistFullError
        changed = Collaborator(user_id=user_id, role=role)
        if self.role_of(user_id) is None:
            self._replace_collaborators((*self.collaborators, changed))
        else:
            self._replace_collaborators(tuple(changed if each.user_id == user_id else each for each in self.collaborators))

    def remove_collaborator(self, user_id: str, removed_by: str | None) -> None:
        """Stop sharing the playlist with a user, and remove the tracks that the user added."""
        self._replace_collaborators(tuple(each for each in self.collaborators if each.user_id != user_id))
        self._remove([item for item in self.items if item.added_by == user_id], removed_by)

    def forget_user(self, user_id: str) -> None:
        """Remove the name of an erased user from the latest update."""
        if self.latest.user_id == user_id:
            self.latest = self.latest.model_copy(update={"user_id": None})

    @property
    def kept_states(self) -> int:
        """The number of its latest states that are kept."""
        return min(KEPT_STATES, KEPT_ITEMS // max(1, self.track_count))

    def delete(self) -> None:
        """Delete the playlist."""
        self.record(PlaylistDeleted(playlist_id=self.id, user_id=self.creator_id))
        self.erase()

    def _remove(self, removed: Sequence[PlaylistItem], user_id: str | None) -> None:
        if removed:
            item_ids = {item.item_id for item in removed}
            self._replace_items(item for item in self.items if item.item_id not in item_ids)
            self._record_update(PlaylistUpdateType.REMOVE, [item.track_id for item in removed], user_id)

    def _replace_items(self, items: Iterable[PlaylistItem]) -> None:
        self.items = tuple(items)

    def _replace_collaborators(self, collaborators: tuple[Collaborator, ...]) -> None:
        self.collaborators = collaborators
        self.user_ids = (self.creator_id, *(each.user_id for each in collaborators))

    def _record_update(self, type_: PlaylistUpdateType, track_ids: Iterable[str], user_id: str | None) -> None:
        self.revision += 1
        self.track_count = len(self.items)
        self.latest = LatestUpdate(type=type_, track_ids=tuple(dict.fromkeys(track_ids)), user_id=user_id, timestamp=now())
        event = self.latest.model_dump(exclude={"timestamp"})
        self.record(PlaylistUpdated(playlist_id=self.id, revision=self.revision, **event))


class KeptItem(BaseModel):
    """An item of a kept state; its owner is that of the track."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    track_id: str
    added_at: datetime


class PlaylistState(BaseModel):
    """The state of a playlist after an update."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str | None
    items: tuple[KeptItem, ...]

    @classmethod
    def of(cls, playlist: Playlist) -> "PlaylistState":
        """Return the present state of a playlist."""
        items = tuple(KeptItem(**item.model_dump(exclude={"added_by"})) for item in playlist.items)
        return cls(name=playlist.name, description=playlist.description, items=items)


class PlaylistUpdate(Aggregate):
    """An earlier change of a playlist. Its state is kept for the last `KEPT_STATES` revisions, of long playlists for fewer.

    `restorable` tells that the state is kept, also where it is not read.
    """

    playlist_id: str
    creator_id: str
    revision: int
    type: PlaylistUpdateType
    track_ids: tuple[str, ...]
    user_id: str | None = None
    timestamp: datetime
    restorable: bool = True
    state: PlaylistState | None = None

    @classmethod
    def of(cls, playlist: Playlist) -> "PlaylistUpdate":
        """Return the latest update of a playlist; the same for the same revision."""
        return cls(
            **dict(playlist.latest),
            id=cls.id_of(playlist.id, playlist.revision),
            playlist_id=playlist.id,
            creator_id=playlist.creator_id,
            revision=playlist.revision,
            state=PlaylistState.of(playlist),
        )

    @staticmethod
    def id_of(playlist_id: str, revision: int) -> str:
        """Return the id of an update."""
        return f"{playlist_id}-{revision}"
