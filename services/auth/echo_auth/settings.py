"""Settings of auth."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from echo_common.contracts.http.auth import Email
from echo_common.settings import settings_config


class AuthSettings(BaseSettings):
    """Who may be who, and for how long."""

    model_config = settings_config("ECHO_AUTH_")

    secret: SecretStr = Field(
        min_length=32,
        description="Seals the signing keys in the database: 32 random characters or more, kept as long as the data.",
    )
    access_minutes: int = Field(15, ge=1, le=15, description="How long an access token is good for.")
    session_days: int = Field(30, ge=1, le=365, description="A session ends after so many days without a refresh.")
    admin_email: Email | None = Field(None, description="This administrator is made at start if missing.")
    admin_password: SecretStr | None = Field(
        None, min_length=8, max_length=128, description="Their first password; never set again once they exist."
    )
    anonymous_users: bool = Field(
        False, description="Whether `POST /api/users/{name}` of the Echo API makes a guest of a caller without a token."
    )
    password_rounds: int = Field(3, ge=1, le=20, description="argon2id passes over memory.")
    password_memory_kib: int = Field(65_536, ge=8, le=1_048_576, description="argon2id memory for one password, in KiB.")

    @property
    def access_lasts(self) -> timedelta:
        """Life of an access token."""
        return timedelta(minutes=self.access_minutes)

    @property
    def session_lasts(self) -> timedelta:
        """Life of a session that is not refreshed."""
        return timedelta(days=self.session_days)
