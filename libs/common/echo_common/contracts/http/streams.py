"""Response bodies of streams of playlists."""

from pydantic import BaseModel, Field


class TimelineItemView(BaseModel):
    """A track in the stream of a playlist."""

    item_id: str
    track_id: str
    name: str
    start: float = Field(description="Seconds from the start of the stream.")
    duration: float = Field(description="Seconds.")
    captions: bool = Field(description="There are captions; a request for those of the playlist adds those of your own speech.")


class SkippedItemView(BaseModel):
    """A track that the stream skips, with the reason."""

    item_id: str
    track_id: str
    name: str | None = Field(description="Null if the track was deleted a moment ago.")
    code: str = Field(description="`TRACK_WITHOUT_AUDIO`, `TRACK_NOT_AUDIO` or `TRACK_NOT_FOUND`.")
    message: str


class TimelineView(BaseModel):
    """The times of the tracks in the stream of a playlist. A file that cannot be read is known a moment after a stream has skipped it."""

    playlist_id: str
    revision: int
    duration: float = Field(description="Seconds of the stream.")
    items: list[TimelineItemView]
    skipped: list[SkippedItemView]


class PlaylistTicketView(BaseModel):
    """A single-use ticket for the stream of one playlist, which replaces the access token."""

    ticket: str
    expires_in: int = Field(description="Seconds until the ticket expires.")
    stream_url: str = Field(description="Path on the gateway; add `format` and `start` to its query.")
