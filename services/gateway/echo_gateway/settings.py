"""Settings of the gateway."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.http.addresses import Network, parse_networks
from echo_common.settings import settings_config


class GatewaySettings(BaseSettings):
    """Where the services are, who may call from a browser, and how much anybody may ask. A limit of 0 is no limit."""

    model_config = settings_config("ECHO_GATEWAY_")

    synthesis_url: str = Field(
        "http://127.0.0.1:8002",
        description="Where synthesis listens: http://host:port (several with commas) or unix:///path.sock.",
    )
    voice_url: str | None = Field(None, description="Where voice listens; left out of /health when unset.")
    feedback_url: str | None = Field(None, description="Where feedback listens; left out of /health when unset.")
    answer_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Memory for audio that is asked for again; 0 keeps none.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web origins whose pages may call, comma separated, e.g. https://studio.example.com."
    )
    upload_bytes: int = Field(50 * 1024**2, ge=1024, description="Largest recording passed on.")
    limit_store: SecretStr = Field(
        SecretStr("memory://"),
        description="Where requests are counted: memory:// for each replica alone; mongodb://… or redis://… for all together.",
    )
    limit_guest: int = Field(20, ge=0, description="Requests a minute of a guest.")
    limit_user: int = Field(100, ge=0, description="Requests a minute of a user.")
    limit_premium: int = Field(1_000, ge=0, description="Requests a minute of a premium user.")
    limit_anonymous: int = Field(60, ge=0, description="Requests a minute of an address without a valid token.")
    limit_credentials: int = Field(
        10, ge=0, description="Requests a minute of an address to register, log in or refresh, counted apart from the others."
    )

    internal_listen: str = Field(
        "http://127.0.0.1:8090",
        pattern="^(http|unix)://",
        description="Where /metrics, /readyz and the detailed /health are served without a token: http://host:port or "
        "unix:///path.sock. Keep it off public networks. echoctl uses a socket in the data folder unless this is set.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Addresses and networks of reverse proxies, comma separated, e.g. 10.0.0.0/8. Only from these does "
        "X-Forwarded-For name the client. None by default.",
    )
    connections: int = Field(1_000, ge=0, description="Open connections; 0 is no limit.")
    connections_per_address: int = Field(
        250, ge=0, description="Open connections of one address (IPv6: /64), trusted proxies excepted; 0 is no limit."
    )
    open_streams: int = Field(
        32, ge=0, description="Audio streams open at once for one user (guests: one address); 0 is no limit."
    )
    open_syntheses: int = Field(
        64, ge=0, description="Synchronous syntheses open at once for one user (guests: one address); 0 is no limit."
    )
    open_subscriptions: int = Field(
        64, ge=0, description="Progress subscriptions (SSE) open at once for one user (guests: one address); 0 is no limit."
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip()) if isinstance(value, str) else value
