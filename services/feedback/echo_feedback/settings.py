"""Settings of the feedback service."""

from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class FeedbackSettings(BaseSettings):
    """Settings of the feedback service; none yet."""

    model_config = settings_config("ECHO_FEEDBACK_")
