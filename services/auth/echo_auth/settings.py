"""Settings of the auth service."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from echo_common.contracts.http.auth import Email
from echo_common.contracts.system_settings import SYSTEM_SETTINGS
from echo_common.settings import CommaSeparated, settings_config

_NOTHING_TO_EXPORT: Final = frozenset({"gateway"})
"""Services that hold only stored responses and counts of requests."""
_SERVICE: Final = re.compile(r"[a-z][a-z0-9_-]*(=(https?|unix)://.+)?")


class AuthSettings(BaseSettings):
    """Settings of users, tokens and passwords."""

    model_config = settings_config("ECHO_AUTH_")

    secret: SecretStr = Field(
        min_length=32,
        description="Secret that encrypts the signing keys and other secrets in the database: at least 32 random characters. Keep it as long as the data.",
    )
    access_minutes: int = Field(15, ge=1, le=15, description="Lifetime of an access token in minutes.")
    session_days: int = Field(30, ge=1, le=365, description="Lifetime of a session in days since its last refresh.")
    cookie_origins: CommaSeparated = Field(
        (),
        description="Further web origins that may use the refresh cookie, comma-separated, of the same site as ECHO_PUBLIC_URL. List them "
        "in ECHO_GATEWAY_CORS_ORIGINS too.",
    )
    admin_email: Email | None = Field(
        None, description="Email of the administrator to create at start if missing; if unset, none is created."
    )
    admin_password: SecretStr | None = Field(
        None,
        min_length=8,
        max_length=128,
        description="Initial password of the administrator; ignored once the administrator exists.",
    )
    anonymous_users: bool = Field(
        False, description="Let `POST /api/users/{name}` of the Echo API create a guest for a request without a token."
    )
    password_rounds: int = Field(3, ge=1, le=20, description="argon2id time cost: passes over the memory.")
    password_memory_kib: int = Field(65_536, ge=8, le=1_048_576, description="argon2id memory per password in KiB.")

    user_data_services: CommaSeparated = Field(
        (
            "gateway",
            "synthesis=http://127.0.0.1:8002",
            "voice=http://127.0.0.1:8003",
            "feedback=http://127.0.0.1:8004",
            "listening=http://127.0.0.1:8005",
        ),
        description="Services that hold data of users, comma-separated: name, or name=URL if an export includes the data; a further "
        "entry with the name is another replica. An account is erased once all of them have erased theirs.",
    )
    system_settings: dict[str, bool | int | str] = Field(
        default_factory=dict,
        description="Defaults of the system settings of this installation as a JSON object, for example "
        '{"auth.verify_email": true}; a change by an administrator takes precedence. GET /api/v1/admin/config lists the keys.',
    )

    spotify_client_id: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Client id of this platform's app at Spotify, for logins; unset disables them. Register the callback "
        "ECHO_PUBLIC_URL/api/v1/auth/spotify/callback there, with 127.0.0.1 in place of localhost, which Spotify refuses.",
    )
    spotify_accounts_url: str = Field("https://accounts.spotify.com", description="URL of Spotify's accounts service.")
    spotify_api_url: str = Field("https://api.spotify.com", description="URL of Spotify's Web API.")
    spotify_create_users: bool = Field(
        True, description="Create an account, without an email address, at the first login of an unknown user of Spotify."
    )

    @field_validator("user_data_services")
    @classmethod
    def _named(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        if bad := [entry for entry in entries if not _SERVICE.fullmatch(entry)]:
            raise ValueError(f"{bad[0]} must be a name, or name=URL such as voice=http://127.0.0.1:8003")
        return entries

    @field_validator("system_settings")
    @classmethod
    def _known(cls, values: dict[str, bool | int | str]) -> dict[str, bool | int | str]:
        for key, value in values.items():
            if key not in SYSTEM_SETTINGS:
                raise ValueError(f"unknown system setting {key}; known are {', '.join(sorted(SYSTEM_SETTINGS))}")
            try:
                SYSTEM_SETTINGS[key].parse(value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        return values

    @property
    def erasing_services(self) -> tuple[str, ...]:
        """Names of the services that erase data of users."""
        return tuple(dict.fromkeys(entry.partition("=")[0] for entry in self.user_data_services))

    @property
    def exporting_services(self) -> Mapping[str, str]:
        """Addresses, comma-separated, of the services that export data of users, by name."""
        urls: dict[str, list[str]] = {}
        for name, separator, url in (entry.partition("=") for entry in self.user_data_services):
            if separator:
                urls.setdefault(name, []).append(url)
        return {name: ",".join(replicas) for name, replicas in urls.items()}

    @property
    def omitted_services(self) -> tuple[str, ...]:
        """Names of the services whose data of users is not exported, because they have no address."""
        exporting = self.exporting_services
        return tuple(name for name in self.erasing_services if name not in exporting and name not in _NOTHING_TO_EXPORT)

    @property
    def access_lasts(self) -> timedelta:
        """Lifetime of an access token."""
        return timedelta(minutes=self.access_minutes)

    @property
    def session_lasts(self) -> timedelta:
        """Lifetime of a session since its last refresh."""
        return timedelta(days=self.session_days)
