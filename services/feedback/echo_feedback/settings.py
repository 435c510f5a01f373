"""Settings of the feedback service."""

from pydantic import Field
from pydantic_settings import BaseSettings

from echo_common.settings import settings_config


class FeedbackSettings(BaseSettings):
    """Settings of the feedback service."""

    model_config = settings_config("ECHO_FEEDBACK_")

    synthesis_url: str | None = Field(
        None,
        description="URL of the synthesis service, for the dictionary entries that ratings offer; if unset, there are none.",
    )
    audio_wait_seconds: float = Field(
        2.0,
        ge=0,
        le=30,
        description="Maximum time in seconds that a rating waits for the event of an audio that was just synthesised.",
    )
