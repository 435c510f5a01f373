"""Port of the inspection of uploads: from a file to its length and tags."""

from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from echo_common.contracts.http.tracks import Artists, Genres, TrackText


class UploadedAudio(BaseModel):
    """The measured length of an upload in seconds, its media type, and the tags that fill missing fields."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    duration: float = Field(gt=0)
    mime: str
    name: TrackText | None = None
    artists: Artists = Field(default_factory=list)
    album: TrackText | None = None
    genres: Genres = Field(default_factory=list)


class UploadReader(Protocol):
    """Reader of uploads. It decodes them completely in a sandboxed process, because files of users are untrusted."""

    async def read(self, path: Path) -> UploadedAudio:
        """Decode a file of any supported format, which its content tells, in bounded memory.

        Raises:
            TrackNotAudioError: The file has no audio that can be decoded, or is a video.
            TrackTooLongError: It is longer than permitted.
        """
