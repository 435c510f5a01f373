"""Frames of live group sessions. Positions and times are whole milliseconds; times are those of the session clock."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter

from echo_common.contracts.http.base import RequestBody, require_printable
from echo_common.contracts.http.group_sessions import GroupMemberView, PlaybackView, SessionItemView

MAX_FRAME_BYTES: Final = 4 * 1024
"""Maximum size of a client's frame."""

MOST_ITEMS: Final = 500
"""Maximum number of items in a frame, which is then smaller than the 1 MiB that clients accept."""

_MOST_REACTION_BYTES: Final = 16
_MOST_MILLISECONDS: Final = 2**53

CommandId = Annotated[str, Field(min_length=1, max_length=64)]
"""The client's name of a command, to which the response refers."""

ItemId = Annotated[str, Field(min_length=1, max_length=64)]
Milliseconds = Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS)]


def _require_short(text: str) -> str:
    if len(text.encode()) > _MOST_REACTION_BYTES:
        raise ValueError(f"Send an emoji of at most {_MOST_REACTION_BYTES} bytes.")
    return text


class PingFrame(RequestBody):
    """A clock ping. `sent` is the client's own time, any number."""

    type: Literal["ping"]
    sent: float


class PlayFrame(RequestBody):
    """Play."""

    type: Literal["play"]
    id: CommandId


class PauseFrame(RequestBody):
    """Pause."""

    type: Literal["pause"]
    id: CommandId


class SeekFrame(RequestBody):
    """Go to a position of an item."""

    type: Literal["seek"]
    id: CommandId
    item_id: ItemId
    position: Milliseconds


class NextFrame(RequestBody):
    """Skip the item; if another one plays, nothing changes."""

    type: Literal["next"]
    id: CommandId
    item_id: ItemId


class PreviousFrame(RequestBody):
    """Go to the item before this one; if another one plays, nothing changes."""

    type: Literal["previous"]
    id: CommandId
    item_id: ItemId


class ReactionFrame(RequestBody):
    """A reaction, which is not stored."""

    type: Literal["reaction"]
    id: CommandId
    reaction: Annotated[
        str,
        Field(min_length=1, max_length=_MOST_REACTION_BYTES),
        AfterValidator(require_printable),
        AfterValidator(_require_short),
    ]


class StatusFrame(RequestBody):
    """Report of the client's playback, at least every 5 s."""

    type: Literal["status"]
    status: Literal["ready", "stalled"]
    revision: int = Field(ge=0, le=2**31)
    position: Milliseconds


class SyncFrame(RequestBody):
    """Send the items and the snapshot."""

    type: Literal["sync"]


CommandFrame = PlayFrame | PauseFrame | SeekFrame | NextFrame | PreviousFrame
GroupClientFrame = PingFrame | CommandFrame | ReactionFrame | StatusFrame | SyncFrame
GROUP_CLIENT_FRAME: Final[TypeAdapter[GroupClientFrame]] = TypeAdapter(Annotated[GroupClientFrame, Field(discriminator="type")])


class ItemsFrame(BaseModel):
    """Items of the playlist from the place `start` on, before the first snapshot of this revision of the playlist."""

    type: Literal["items"] = "items"
    playlist_revision: int
    start: int
    total: int
    items: list[SessionItemView]


class SnapshotFrame(PlaybackView):
    """The complete state."""

    type: Literal["snapshot"] = "snapshot"


class PongFrame(BaseModel):
    """The response to a ping: the session clock when the ping arrived, and when this leaves."""

    type: Literal["pong"] = "pong"
    sent: float
    clock: int
    received: int
    now: int


class ClockFrame(BaseModel):
    """The session clock changed: discard the offset, and measure it again."""

    type: Literal["clock"] = "clock"
    clock: int


class AcceptedFrame(BaseModel):
    """A command was applied, or changes nothing; `revision` is that of the state."""

    type: Literal["accepted"] = "accepted"
    id: str
    revision: int


class RefusedFrame(BaseModel):
    """A command was refused."""

    type: Literal["refused"] = "refused"
    id: str
    code: str
    message: str


class ReactionSentFrame(BaseModel):
    """A member's reaction to the item that plays."""

    type: Literal["reaction"] = "reaction"
    user_id: str
    reaction: str
    item_id: str | None
    position: int
    at: int


class MembersFrame(BaseModel):
    """The members, after a change."""

    type: Literal["members"] = "members"
    members: list[GroupMemberView]


class EndedFrame(BaseModel):
    """The session has ended; the connection closes."""

    type: Literal["ended"] = "ended"
