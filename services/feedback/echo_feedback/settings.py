"""Settings of feedback."""

from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class FeedbackSettings(BaseSettings):
    """None of its own yet."""

    model_config = settings_config("ECHO_FEEDBACK_")
