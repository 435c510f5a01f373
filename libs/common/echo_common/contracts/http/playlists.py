"""Request and response bodies of playlists."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.base import RequestBody, require_printable
from echo_common.contracts.http.messages import clean
from echo_common.contracts.values import PlaylistRole, PlaylistUpdateType

MOST_ITEMS = 5_000
"""Maximum number of items that a request may name."""

MOST_ADDED = 1_000
"""Maximum number of tracks that a request may add."""

PlaylistName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(require_printable)
]
PlaylistDescription = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), AfterValidator(clean)
]
ListedId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Revision = Annotated[int, Field(ge=1, le=2**31)]
Position = Annotated[int, Field(ge=0, le=MOST_ITEMS)]

_IF_UNCHANGED = "Refuse the change if the playlist has another revision."
_REVISION = "The revision that the request is based on; with another one it is refused."


class CreatePlaylist(RequestBody):
    """A playlist to create."""

    name: PlaylistName = Field(examples=["Evening"])
    description: PlaylistDescription | None = None
    track_ids: list[ListedId] = Field([], max_length=MOST_ADDED, description="Your tracks, in order.")


class PlaylistPatch(RequestBody):
    """Changes of a playlist; absent fields stay unchanged."""

    name: PlaylistName | None = Field(None, description="Cannot be null.", examples=["Evening"])
    description: PlaylistDescription | None = Field(None, description="Null removes it.")
    revision: Revision | None = Field(None, description=_IF_UNCHANGED)

    @model_validator(mode="after")
    def _named(self) -> "PlaylistPatch":
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("The name cannot be null.")
        return self


class AddItems(RequestBody):
    """Tracks to add to a playlist."""

    track_ids: list[ListedId] = Field(
        min_length=1,
        max_length=MOST_ADDED,
        description="Your tracks, in order.",
        examples=[["track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA"]],
    )
    position: Position | None = Field(None, description="Index of the first; when absent or beyond the end, they are appended.")
    revision: Revision | None = Field(None, description=_IF_UNCHANGED)


class RemoveItems(RequestBody):
    """Items to remove from a playlist; unknown ones are ignored."""

    item_ids: list[ListedId] = Field(min_length=1, max_length=MOST_ITEMS, examples=[["item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB"]])
    revision: Revision | None = Field(None, description=_IF_UNCHANGED)


class ReorderItems(RequestBody):
    """A new order of all items of a playlist."""

    item_ids: list[ListedId] = Field(max_length=MOST_ITEMS, description="All items of the playlist, each once.")
    revision: Revision = Field(description=_REVISION, examples=[2])


class MoveItem(RequestBody):
    """An item to move in a playlist."""

    item_id: ListedId = Field(examples=["item_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB"])
    position: Position = Field(description="New index; beyond the end, it is the last.")
    revision: Revision = Field(description=_REVISION, examples=[2])


class RestorePlaylist(RequestBody):
    """The revision that a restored state replaces."""

    revision: Revision = Field(description=_REVISION, examples=[2])


class SetCollaborator(RequestBody):
    """The role of a collaborator: editors change name, description and items; viewers read and listen."""

    role: Literal[PlaylistRole.EDITOR, PlaylistRole.VIEWER] = Field(examples=["editor"])


class CollaboratorView(BaseModel):
    """A user who may read or change a playlist of another user."""

    user_id: str
    role: PlaylistRole


class PlaylistItemView(BaseModel):
    """A track at a place of a playlist."""

    item_id: str
    track_id: str
    added_by: str = Field(description="The user who added it.")
    added_at: datetime


class PlaylistSummary(BaseModel):
    """A playlist without its items."""

    id: str
    name: str
    description: str | None
    creator_id: str = Field(description="The user who owns it.")
    role: PlaylistRole = Field(description="The role of the current user.")
    session_id: str | None = Field(description="The active group session that plays it.")
    spotify_id: str | None = Field(description="The playlist at Spotify that it was imported from or exported to.")
    track_count: int
    revision: int = Field(description="1, then one more for each change; also the ETag.")
    created_at: datetime
    updated_at: datetime


class PlaylistView(PlaylistSummary):
    """A playlist with its items in order."""

    items: list[PlaylistItemView]
    collaborators: list[CollaboratorView]
    duration: float = Field(description="Seconds of all tracks with audio.")


class PlaylistUpdateView(BaseModel):
    """A change of a playlist."""

    id: str
    playlist_id: str
    revision: int = Field(description="The revision that it made.")
    type: PlaylistUpdateType = Field(description="`rename` if name and description changed together.")
    track_ids: list[str] = Field(description="The tracks concerned.")
    user_id: str | None = Field(description="Null for the platform, and for users who were deleted.")
    timestamp: datetime
    restorable: bool = Field(description="The state after it is kept.")
