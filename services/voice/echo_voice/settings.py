"""Settings of voice."""

from echo_common.settings import settings_config
from pydantic_settings import BaseSettings


class VoiceSettings(BaseSettings):
    """None of its own yet."""

    model_config = settings_config("ECHO_VOICE_")
