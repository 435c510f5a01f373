"""Settings of the listening service."""

from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class ListeningSettings(BaseSettings):
    """Settings of tracks, playlists and group sessions; none yet."""

    model_config = settings_config("ECHO_LISTENING_")
