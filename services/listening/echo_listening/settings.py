"""Settings of the listening service."""

from typing import Final

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config

SECRET_SETTING: Final = "ECHO_LISTENING_SECRET"  # noqa: S105 - the name of the setting


class ListeningSettings(BaseSettings):
    """Settings of tracks, playlists and group sessions."""

    model_config = settings_config("ECHO_LISTENING_")

    analyses_at_once: int = Field(
        1, ge=0, le=64, description="Tracks that this process analyses concurrently; 0 leaves them to other processes."
    )
    analysed_seconds: float = Field(
        600.0, ge=1, le=1_800, description="Length of the beginning of a track that is analysed, in seconds."
    )
    analysis_seconds: float = Field(120.0, ge=1, description="Maximum processor time of an analysis in seconds.")
    analysis_memory: int = Field(
        1024**3, ge=512 * 1024**2, description="Address space of the process that analyses a track, in bytes."
    )
    decode_memory: int = Field(
        1024**3, ge=512 * 1024**2, description="Address space of the process that decodes an upload, in bytes."
    )
    decode_seconds: float = Field(120.0, ge=1, description="Maximum processor time to decode an upload in seconds.")
    playlist_tracks: int = Field(5_000, ge=1, le=5_000, description="Maximum number of tracks of a playlist.")
    playlists_per_user: int = Field(1_000, ge=1, description="Maximum number of playlists that a user owns.")
    streams_at_once: int = Field(
        16,
        ge=1,
        le=1_000,
        description="Streams of playlists that this process sends concurrently, with two temporary files each.",
    )
    streams_per_user: int = Field(4, ge=1, le=1_000, description="Concurrent streams of playlists of a user in this process.")
    synthesis_url: str | None = Field(
        None, description="URL of the synthesis service, for the captions of speech; if unset, there are none."
    )
    interaction_days: int = Field(730, ge=1, le=36_500, description="Days for which interactions with tracks are kept.")
    lease_seconds: float = Field(15.0, ge=1, le=600, description="Task lease duration in seconds.")
    upload_bytes: int = Field(50 * 1024**2, ge=1, description="Maximum size of an uploaded file in bytes.")
    upload_seconds: float = Field(7_200.0, ge=1, description="Maximum length of an uploaded track in seconds.")
    session_members: int = Field(500, ge=2, le=500, description="Maximum number of members of a group session.")
    sessions_per_user: int = Field(
        20, ge=1, le=1_000, description="Maximum number of active group sessions of which a user is a member."
    )
    live_connections: int = Field(
        1_000, ge=1, description="Maximum number of live connections to group sessions in this process."
    )
    session_idle_hours: float = Field(
        12.0, gt=0, le=20, description="Time after which a group session without a connection ends, in hours."
    )
    command_lead_milliseconds: int = Field(
        500, ge=0, le=5_000, description="Time between a command of a group session and its effect, in milliseconds."
    )
    stall_seconds: float = Field(
        10.0, ge=1, le=120, description="Time after which a client that has not reported `ready` counts as stalled, in seconds."
    )
    secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Secret that encrypts the tokens of Spotify in the database: at least 32 random characters, required with a "
        "client id. With another secret, users link their accounts of Spotify again.",
    )
    spotify_client_id: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Client id of this platform's app at Spotify; unset disables Spotify. Register the callback "
        "ECHO_PUBLIC_URL/api/v1/spotify/callback there, with 127.0.0.1 in place of localhost, which Spotify refuses.",
    )
    spotify_accounts_url: str = Field("https://accounts.spotify.com", description="URL of Spotify's accounts service.")
    spotify_api_url: str = Field("https://api.spotify.com", description="URL of Spotify's Web API.")
    spotify_imports_at_once: int = Field(
        2,
        ge=0,
        le=16,
        description="Imports from Spotify, and exports, that this process performs concurrently; 0 leaves them to others.",
    )

    @model_validator(mode="after")
    def _has_a_secret(self) -> "ListeningSettings":
        if self.spotify_client_id is not None and self.secret is None:
            raise ValueError(f"{SECRET_SETTING} is required with ECHO_LISTENING_SPOTIFY_CLIENT_ID")
        return self
