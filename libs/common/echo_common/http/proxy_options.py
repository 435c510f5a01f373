"""Options with which the gateway forwards a public endpoint; contract files carry them from the service to the gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from echo_common.errors import RateLimitedError

PUBLIC_ROOT = "/api/v1"
PROXY_EXTENSION = "x-proxy"
"""OpenAPI extension with an endpoint's `ProxyOptions`; contract files have it, the public document does not."""

WEBSOCKETS_EXTENSION = "x-websockets"
"""OpenAPI extension of a document that lists WebSocket endpoints by path: OpenAPI itself has no form for them."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""Maximum size of a WebSocket message, whatever an endpoint declares."""


class TooManyOpenError(RateLimitedError):
    """Too many requests of this kind are open. Close one, or retry after the seconds in Retry-After."""

    code = "TOO_MANY_OPEN_REQUESTS"


class LongRequest(StrEnum):
    """Kinds of long requests; each has a limit of concurrent requests per user."""

    STREAM = "stream"
    SYNTHESIS = "synthesis"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """Options with which the gateway forwards an endpoint.

    `root` is the prefix of the public path that the service's path lacks. `aliases` are further public paths. With `token`
    False, requests without a token pass, as do those with the query parameter `ticket_param`. `credentials` endpoints have a rate
    limit of their own. Where several services serve one path, `id_prefixes` are the prefixes of the last path parameter's values,
    and `queries` the query parameters (`name=value`) with one of which a request belongs to this endpoint. `max_message_bytes`
    limits a WebSocket's messages. `daily_quota` is the quota that counts the requests of the endpoint.
    """

    root: str = PUBLIC_ROOT
    aliases: Sequence[str] = ()
    scopes: Sequence[str] = ()
    token: bool = True
    credentials: bool = False
    ticket_param: str | None = None
    idempotent: bool = False
    cached: bool = False
    plain: bool = False
    upload: bool = False
    long_request: str | None = None
    id_prefixes: Sequence[str] = ()
    queries: Sequence[str] = ()
    max_message_bytes: int | None = None
    daily_quota: str | None = None

    def dump(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, for JSON."""
        named = {name: getattr(self, name) for name in self.__slots__}
        defaults = ProxyOptions()
        changed = {name: value for name, value in named.items() if value != getattr(defaults, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "ProxyOptions":
        """Create options from the output of `dump`."""
        return cls(**stored)
