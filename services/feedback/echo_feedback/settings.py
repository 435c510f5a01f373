"""Settings of the feedback service."""

import math
from collections.abc import Sequence
from typing import Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from echo_common.contracts.system_settings import RETENTION_DELIVERIES_DAYS, SHORTEST_RETENTION_DELIVERIES_DAYS
from echo_common.http.addresses import Network, parse_networks
from echo_common.settings import CommaSeparated, settings_config

SECRET_SETTING: Final = "ECHO_FEEDBACK_SECRET"  # noqa: S105 - the name of the setting

_MOST_RETRIES: Final = 20
_DAY_SECONDS: Final = 24 * 3600
_LONGEST_RETRIES_DAYS: Final = SHORTEST_RETENTION_DELIVERIES_DAYS - 1
"""Sum of the pauses. With their variation of a tenth, every retry is due 0.8 days before its delivery expires, less the time of the
requests and the wait for slots, whatever the system setting."""


class FeedbackSettings(BaseSettings):
    """Settings of the feedback service."""

    model_config = settings_config("ECHO_FEEDBACK_")

    secret: SecretStr = Field(
        min_length=32,
        description="Secret that encrypts the secrets of webhooks in the database: at least 32 random characters. Keep it as long as "
        "the data.",
    )
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
    webhook_networks: CommaSeparated = Field(
        (),
        description="Networks that are not public and that webhooks may reach, comma-separated, for example 127.0.0.0/8,::1/128 for "
        "receivers on this machine. Every user of the platform can then send requests to them.",
    )
    webhook_http: bool = Field(False, description="Permit http:// URLs for webhooks: their content can be read on the way.")
    webhook_timeout_seconds: float = Field(
        15.0,
        ge=0.1,
        le=60,
        description="Maximum time in seconds of a delivery to a webhook, from the DNS query to the response.",
    )
    webhook_retry_seconds: CommaSeparated = Field(
        ("5", "300", "1800", "7200", "18000", "36000", "50400"),
        description="Pauses in seconds before the retries of a delivery to a webhook, comma-separated; empty for no retries. Together "
        f"at most {_LONGEST_RETRIES_DAYS} days, so that retries end before the delivery is deleted.",
    )

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_networks(",".join(value))
        except ValueError as error:
            raise ValueError(f"it must be a list of networks such as 10.0.0.0/8: {error}") from error
        return value

    @field_validator("webhook_retry_seconds")
    @classmethod
    def _are_pauses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > _MOST_RETRIES:
            raise ValueError(f"it must have at most {_MOST_RETRIES} pauses")
        try:
            pauses = [float(part) for part in value]
        except ValueError:
            pauses = [math.nan]
        if not all(pause >= 0 for pause in pauses):
            raise ValueError("it must be a list of seconds, such as 5,300,1800")
        if sum(pauses) > _LONGEST_RETRIES_DAYS * _DAY_SECONDS:
            raise ValueError(
                f"the pauses must last at most {_LONGEST_RETRIES_DAYS} days together, because deliveries may be deleted after "
                f"{SHORTEST_RETENTION_DELIVERIES_DAYS} days ({RETENTION_DELIVERIES_DAYS.key})"
            )
        return value

    @property
    def permitted_networks(self) -> Sequence[Network]:
        """The networks that webhooks may reach although they are not public."""
        return parse_networks(",".join(self.webhook_networks))

    @property
    def retry_pauses(self) -> Sequence[float]:
        """The pauses before the retries of a delivery, in seconds."""
        return tuple(map(float, self.webhook_retry_seconds))
