"""Request and response bodies of Spotify."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, model_validator

from echo_common.contracts.http.base import Name, RequestBody
from echo_common.contracts.values import JobStatus, SpotifyLinkStatus

SpotifyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{22}$")]
"""An id at Spotify."""


class SpotifyConsent(BaseModel):
    """The page on which the user permits the link."""

    url: str = Field(description="Open it in the browser that sent this request.")
    expires_at: datetime


class SpotifyLoginUrl(BaseModel):
    """The page on which the user logs in to Spotify."""

    url: str = Field(description="Open it in the browser that sent this request.")


class SpotifyLinkView(BaseModel):
    """The account of Spotify that is linked; without one, all other fields are null."""

    linked: bool
    spotify_user_id: str | None = None
    display_name: str | None = None
    scopes: list[str] | None = None
    linked_at: datetime | None = None
    status: SpotifyLinkStatus | None = Field(None, description="`expired`: Spotify has withdrawn its permission; link again.")


class SpotifyPlaylistView(BaseModel):
    """A playlist at Spotify."""

    spotify_id: str
    name: str
    owner: str | None
    total: int | None = Field(description="Number of items.")
    cover_url: str | None


class ImportFromSpotify(RequestBody):
    """Parts of an import; at least one."""

    playlists: list[SpotifyId] = Field(
        default_factory=list, max_length=50, description="Spotify's ids of playlists that the user owns or collaborates on."
    )
    saved_tracks: bool = Field(False, examples=[True], description="Import the saved tracks as tracks.")
    top_artists: bool = Field(False, description="Import the names of the top artists, for preferences.")

    @model_validator(mode="after")
    def _has_a_part(self) -> "ImportFromSpotify":
        if not (self.playlists or self.saved_tracks or self.top_artists):
            raise ValueError("name at least one part to import")
        return self


class AddSpotifyTrack(RequestBody):
    """A track at Spotify."""

    spotify_id: SpotifyId = Field(
        description="Its id there: the 22 characters after `spotify:track:` in its URI.", examples=["11dFghVXANMlKmJXsNCbNl"]
    )


class ExportToSpotify(RequestBody):
    """The new playlist at Spotify."""

    name: Annotated[Name, Field(max_length=100, examples=["Evening"])] | None = Field(
        None, description="Name there; that of the playlist if omitted."
    )
    public: bool = Field(False, description="Show it in the user's profile at Spotify.")


class SpotifyTransferError(BaseModel):
    """The reason why an import or an export failed."""

    code: str
    message: str


class SpotifyImportView(BaseModel):
    """An import from Spotify."""

    id: str
    status: JobStatus
    imported: int = Field(description="Tracks and artists that were imported.")
    skipped: int = Field(description="Items without metadata at Spotify, such as local files, and items that are not music.")
    total: int | None = Field(description="Items of the parts that were begun; null before the first.")
    error: SpotifyTransferError | None
    created_at: datetime
    updated_at: datetime


class SpotifyExportView(BaseModel):
    """An export of a playlist to Spotify."""

    id: str
    playlist_id: str
    status: JobStatus
    spotify_id: str | None = Field(description="Spotify's id of the new playlist, once it exists.")
    exported: int
    total: int = Field(description="Tracks of Spotify in the playlist.")
    left_out: list[str] = Field(description="Ids of tracks that Spotify does not have.")
    error: SpotifyTransferError | None
    created_at: datetime
    updated_at: datetime
