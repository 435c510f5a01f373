"""Settings of the gateway."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from echo_common.contracts.system_settings import ANONYMOUS_REQUESTS, CREDENTIAL_REQUESTS, REQUESTS_PER_MINUTE
from echo_common.contracts.values import Plan
from echo_common.http.addresses import Network, parse_networks
from echo_common.http.tls import Tls
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
    listening_url: str | None = Field(
        None, description="URL of the listening service; if unset, it is disabled and left out of /health."
    )
    answer_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Size of the response cache in bytes; 0 disables it.")
    cors_origins: CommaSeparated = Field(
        (),
        description="Allowed CORS origins, comma-separated, for example https://studio.example.com. Listed origins may send credentials; * allows all "
        "origins, without credentials.",
    )
    upload_bytes: int = Field(50 * 1024**2, ge=1024, description="Maximum size of an uploaded sample in bytes.")
    limit_store: SecretStr = Field(
        SecretStr("memory://"),
        description="Storage of rate limit counters: memory:// counts per replica and saves the counts for a restart; mongodb://… or redis://… across replicas.",
    )

    internal_listen: str = Field(
        "http://127.0.0.1:8090",
        pattern="^(http|unix)://",
        description="Internal listener that serves /metrics, /readyz and the detailed /health without a token: http://host:port or "
        "unix:///path.sock. Keep it off public networks. If unset, echoctl uses a socket in the data folder.",
    )
    trust_traceparent: bool = Field(
        False,
        description="Let clients decide with the flag of their traceparent whether a trace is recorded; otherwise ECHO_TRACE_RATIO "
        "decides, and only the id of their trace is used.",
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the certificate chain; serves HTTPS instead of HTTP. A renewed file is used without a restart. "
        "Set ECHO_PUBLIC_URL to https://… too.",
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key, without a password.")
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
        64,
        ge=0,
        description="Maximum open progress subscriptions and WebSockets per user (guests: per address); 0 disables the limit.",
    )

    @model_validator(mode="after")
    def _certificate_and_key(self) -> "GatewaySettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("ECHO_GATEWAY_TLS_CERTIFICATE and ECHO_GATEWAY_TLS_KEY belong together; set both, or none")
        return self

    @property
    def tls(self) -> Tls | None:
        """Certificate and key of the public listener; None serves HTTP."""
        return None if self.tls_certificate is None or self.tls_key is None else Tls(self.tls_certificate, self.tls_key)

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _without_slash(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin.rstrip("/") for origin in origins)


REPLACED: Mapping[str, str] = MappingProxyType(
    {
        "ECHO_GATEWAY_LIMIT_GUEST": REQUESTS_PER_MINUTE[Plan.GUEST].key,
        "ECHO_GATEWAY_LIMIT_USER": REQUESTS_PER_MINUTE[Plan.USER].key,
        "ECHO_GATEWAY_LIMIT_PREMIUM": REQUESTS_PER_MINUTE[Plan.PREMIUM].key,
        "ECHO_GATEWAY_LIMIT_ANONYMOUS": ANONYMOUS_REQUESTS.key,
        "ECHO_GATEWAY_LIMIT_CREDENTIALS": CREDENTIAL_REQUESTS.key,
    }
)
"""System settings by the name of the environment setting that they replace."""
