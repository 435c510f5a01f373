"""Settings of the listening service."""

from pydantic import Field
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


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
    interaction_days: int = Field(730, ge=1, le=36_500, description="Days for which interactions with tracks are kept.")
    lease_seconds: float = Field(15.0, ge=1, le=600, description="Task lease duration in seconds.")
