"""Request and response bodies of group sessions."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.base import RequestBody, require_printable
from echo_common.contracts.values import GroupRole, MemberStatus, PlaybackState

GroupSessionName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(require_printable)
]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(require_printable)
]


class CreateGroupSession(RequestBody):
    """A group session to create."""

    name: GroupSessionName = Field(examples=["Friday"])
    playlist_id: str = Field(
        min_length=1,
        max_length=64,
        description="A playlist that you may change.",
        examples=["playlist_01KANJVB3ZJ4N6T2Q8W5X7Y9ZC"],
    )
    display_name: DisplayName = Field(description="Your name, as the other members see it.", examples=["Ada"])


class GroupSessionPatch(RequestBody):
    """Changes of a group session; absent fields stay unchanged."""

    name: GroupSessionName | None = Field(None, description="Cannot be null.", examples=["Friday"])
    members_may_control: bool | None = Field(
        None, description="Members may play, pause, seek and skip. Cannot be null.", examples=[False]
    )

    @model_validator(mode="after")
    def _without_null(self) -> "GroupSessionPatch":
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("A field that is sent cannot be null.")
        return self


class JoinGroupSession(RequestBody):
    """A code with which to join a group session."""

    code: str = Field(
        min_length=1,
        max_length=32,
        description="The code of the session; case, hyphens and spaces do not matter.",
        examples=["7K3M9QXA"],
    )
    display_name: DisplayName = Field(description="Your name, as the other members see it.", examples=["Eve"])


class LiveTicketView(BaseModel):
    """A ticket for one live connection to a group session."""

    ticket: str
    expires_in: int = Field(description="Seconds until the ticket expires.")
    live_url: str = Field(description="Path of the WebSocket with the ticket.")


class GroupMemberView(BaseModel):
    """A member of a group session."""

    user_id: str
    display_name: str
    role: GroupRole
    status: MemberStatus = Field(description="Ready, stalled, or away without a connection.")
    joined_at: datetime


class SessionItemView(BaseModel):
    """An item of the shared playlist; an item without audio is skipped."""

    item_id: str
    track_id: str
    name: str | None = Field(description="Null if the track was deleted.")
    duration: int = Field(description="Milliseconds; 0 without audio.")
    skipped: bool


class PlaybackView(BaseModel):
    """Playback of a group session: the item plays from `position` at time `at` of the session clock, in milliseconds."""

    revision: int
    clock: int = Field(description="Number of the session clock; with another one, offsets must be measured again.")
    now: int = Field(description="The session clock, in milliseconds.")
    state: PlaybackState
    item_id: str | None = Field(description="Null if the playlist is empty.")
    position: int
    at: int
    playlist_id: str
    playlist_revision: int


class GroupSessionSummary(BaseModel):
    """A group session without its members."""

    id: str
    name: str
    active: bool
    playlist_id: str
    host_id: str
    role: GroupRole = Field(description="Your role.")
    members_may_control: bool
    member_count: int
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class GroupSessionView(GroupSessionSummary):
    """A group session."""

    code: str | None = Field(description="Code with which others join; null once it has ended.")
    members: list[GroupMemberView]
    playback: PlaybackView
