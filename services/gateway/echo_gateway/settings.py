"""Settings of the gateway."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.http.addresses import Network, parse_networks
from echo_common.settings import CommaSeparated, settings_config


class GatewaySettings(BaseSettings):
    """Settings of services, CORS and limits; 0 disables a limit."""

    model_config = settings_config("ECHO_GATEWAY_")

    synthesis_url: str = Field(
        "http://127.0.0.1:8002",
        description="URL of the synthesis service: http://host:port (several comma-separated) or unix:///path.sock.",
    )
    voice_url: str | None = Field(
        None, description="URL of the voice service; if unset, it is disabled and left out of /health."
    )
    feedback_url: str | None = Field(
        None, description="URL of the feedback service; if unset, it is disabled and left out of /health."
    )
    answer_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Size of the response cache in bytes; 0 disables it.")
    cors_origins: CommaSeparated = Field(
        (), description="Allowed CORS origins, comma-separated, for example https://studio.example.com."
    )
    upload_bytes: int = Field(50 * 1024**2, ge=1024, description="Maximum size of an uploaded sample in bytes.")
    limit_store: SecretStr = Field(
        SecretStr("memory://"),
        description="Storage of rate limit counters: memory:// counts per replica; mongodb://… or redis://… across replicas.",
    )
    limit_guest: int = Field(20, ge=0, description="Requests per minute for a guest; 0 disables the limit.")
    limit_user: int = Field(100, ge=0, description="Requests per minute for a user; 0 disables the limit.")
    limit_premium: int = Field(1_000, ge=0, description="Requests per minute for a premium user; 0 disables the limit.")
    limit_anonymous: int = Field(
        60, ge=0, description="Requests per minute for an address without a valid token; 0 disables the limit."
    )
    limit_credentials: int = Field(
        10,
        ge=0,
        description="Registrations, logins and refreshes per minute and address, counted separately; 0 disables the limit.",
    )

    internal_listen: str = Field(
        "http://127.0.0.1:8090",
        pattern="^(http|unix)://",
        description="Internal listener that serves /metrics, /readyz and the detailed /health without a token: http://host:port or "
        "unix:///path.sock. Keep it off public networks. If unset, echoctl uses a socket in the data folder.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Addresses and networks of reverse proxies whose X-Forwarded-For is trusted, comma-separated, for example "
        "10.0.0.0/8. Empty trusts none.",
    )
    connections: int = Field(1_000, ge=0, description="Maximum open connections; 0 disables the limit.")
    connections_per_address: int = Field(
        250, ge=0, description="Maximum open connections per address (IPv6: /64), except trusted proxies; 0 disables the limit."
    )
    open_streams: int = Field(
        32, ge=0, description="Maximum open audio streams per user (guests: per address); 0 disables the limit."
    )
    open_syntheses: int = Field(
        64, ge=0, description="Maximum open synchronous syntheses per user (guests: per address); 0 disables the limit."
    )
    open_subscriptions: int = Field(
        64, ge=0, description="Maximum open progress subscriptions (SSE) per user (guests: per address); 0 disables the limit."
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _without_slash(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin.rstrip("/") for origin in origins)
