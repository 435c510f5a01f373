"""Settings of every service. Each comes from the environment (`ECHO_…`) or a `.env` file; `.env.example` lists them all."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def settings_config(prefix: str) -> SettingsConfigDict:
    """Return the configuration of a settings class: `prefix` + the upper-case name, and `.env` in the working directory.

    The prefix is also the title of its errors, for `invalid_settings`.
    """
    return SettingsConfigDict(
        title=prefix, env_prefix=prefix, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )


def invalid_settings(error: ValidationError) -> list[str]:
    """Return a sentence for each invalid setting, which names its environment variable."""
    return [_sentence(error.title, item["loc"], item["msg"].removeprefix("Value error, ")) for item in error.errors()]


def _sentence(prefix: str, path: tuple[int | str, ...], problem: str) -> str:
    if not path:  # of several settings together, which the problem names
        return f"The settings are not valid: {problem}."
    return f"The setting {prefix}{str(path[0]).upper()} is not valid: {problem}."


def _scheme(*known: str) -> AfterValidator:
    def check(url: str | SecretStr) -> str | SecretStr:
        plain = url.get_secret_value() if isinstance(url, SecretStr) else url
        if urlsplit(plain).scheme not in known:
            raise ValueError(f"it must be a URL that starts with {' or '.join(f'{scheme}://' for scheme in known)}")
        return url

    return AfterValidator(check)


def _origin(url: str) -> str:
    """Return the URL without a final slash. Raises `ValueError` unless it is scheme, host and port alone."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("it must be a URL such as https://echo.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it must be a URL without a path, such as https://echo.example.com")
    port = "" if parts.port is None else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def _collector(url: str) -> str:
    """Return the URL of a collector. Raises `ValueError` unless it is one of HTTP, without credentials: errors name the URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be a URL such as http://otel:4318")
    if "@" in parts.netloc:
        raise ValueError("it must not contain credentials; set ECHO_OTLP_HEADERS")
    return url


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """Yield the headers in `name=value,name=value`. Raises `ValueError`, without the values."""
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        if not equals or not _HEADER_NAME.fullmatch(name.strip()) or not value.strip().isascii():
            raise ValueError("it must be name=value, several with commas between")
        yield name.strip(), value.strip()


def _split(value: object) -> object:
    """Split a comma-separated string into its parts that are not empty; return any other value unchanged."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


OtlpSignal = Literal["traces", "metrics", "logs"]
"""A kind of telemetry that is exported."""

CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A setting with several values, separated by commas."""


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is a loopback one, reachable from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class CommonSettings(BaseSettings):
    """Addresses and options of every service. The URL's scheme selects the adapter."""

    model_config = settings_config("ECHO_")

    listen: Annotated[str, _scheme("http", "unix")] = Field(
        "http://127.0.0.1:8000", description="Address of the service: http://host:port or unix:///path.sock."
    )
    database_url: Annotated[SecretStr, _scheme("mongodb", "mongodb+srv", "sqlite")] = Field(
        SecretStr("mongodb://127.0.0.1:27017"),
        description="Database URL: mongodb://… for MongoDB; sqlite:///folder for a file per service, used by one process.",
    )
    database_prefix: str = Field("", pattern=r"^[a-z0-9_]{0,32}$", description="Prefix of each service's database name.")
    bus_url: Annotated[SecretStr, _scheme("amqp", "amqps", "inproc")] = Field(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        description="Bus URL: amqp://… for RabbitMQ; inproc:// within one process.",
    )
    objects_url: Annotated[str, _scheme("file", "s3")] = Field(
        "file:///var/lib/echo/objects",
        description="Object storage URL: file:///folder, or s3://bucket?endpoint=http://host:9000&region=us-east-1.",
    )
    objects_access_key: SecretStr | None = Field(None, description="Access key for s3:// storage.")
    objects_secret_key: SecretStr | None = Field(None, description="Secret key for s3:// storage.")
    minimum_free_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Free disk space in bytes below which readiness fails, for sqlite:// and file://; 0 disables it.",
    )
    scratch: Path | None = Field(
        None, description="Folder for temporary files, which may hold speech; the system's temporary folder when unset."
    )
    orphan_seconds: float = Field(
        86_400, ge=0, description="Age in seconds from which an object that no record refers to is removed; 0 keeps them all."
    )
    auth_url: str = Field("http://127.0.0.1:8001", description="URL of auth, the source of the keys to verify tokens.")
    public_url: Annotated[str, AfterValidator(_origin)] = Field(
        "http://localhost:8080",
        description="Address at which users reach the platform, for links in mails, callbacks of an identity provider and "
        "passkeys: http://host:port or https://host, without a path. Passkeys need https, or localhost.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum log level.")
    log_format: Literal["json", "console"] = Field(
        "json", description="Log format: one JSON object per line, or coloured text for people."
    )
    otlp_endpoint: Annotated[str, AfterValidator(_collector)] | None = Field(
        None,
        description="URL of the OTLP/HTTP collector of traces, metrics and logs, e.g. http://otel:4318; unset disables the export.",
    )
    otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector, such as its credentials: name=value, several with commas between."
    )
    otlp_signals: Annotated[tuple[OtlpSignal, ...], NoDecode, BeforeValidator(_split)] = Field(
        ("traces", "metrics", "logs"), description="Signals sent to the collector, separated by commas: traces, metrics, logs."
    )
    otlp_metric_seconds: float = Field(60.0, gt=0, description="Time between two exports of the metrics in seconds.")
    trace_ratio: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the traces that is recorded, from 0 to 1.",
    )
    fault_point: str | None = Field(
        None, description="Fault point at which the process dies (name or name:nth), for fault tests only."
    )
    api_without_token: bool = Field(
        False,
        description="Serve the unversioned Echo API (/api/...) without a token, as one local user shared by every "
        "program on this machine. Accepted only where the public API listens on a loopback address.",
    )

    @property
    def otlp_header_items(self) -> Mapping[str, str]:
        """The headers for the collector."""
        return {} if self.otlp_headers is None else dict(_headers(self.otlp_headers.get_secret_value()))

    @field_validator("otlp_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            list(_headers(value.get_secret_value()))
        return value

    @field_validator("api_without_token")
    @classmethod
    def _on_loopback_only(cls, value: bool, info: ValidationInfo) -> bool:
        listen = urlsplit(info.data.get("listen", ""))
        if value and listen.scheme != "unix" and not is_loopback(listen.hostname or ""):
            raise ValueError(
                f"it is accepted only on a loopback address, not on {listen.netloc}: every client that reaches the API could use it. "
                "Listen on 127.0.0.1, or leave the setting out"
            )
        return value
