"""Limits on concurrent long requests per user."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Plan
from echo_common.errors import RateLimitedError
from echo_common.http.addresses import address_of, network_of
from echo_gateway.settings import GatewaySettings

_RETRY_SECONDS = 5


class TooManyOpenError(RateLimitedError):
    """Too many requests of this kind are open. Close one, or retry after the seconds in Retry-After."""

    code = "TOO_MANY_OPEN_REQUESTS"


class Kind(StrEnum):
    """The kinds of long requests, each with its own limit."""

    STREAM = "stream"
    SYNTHESIS = "synthesis"
    SUBSCRIPTION = "subscription"


class OpenRequests:
    """Counts of open requests per user in this process; guests and requests without a token count by address."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._limits = {
            Kind.STREAM: settings.open_streams,
            Kind.SYNTHESIS: settings.open_syntheses,
            Kind.SUBSCRIPTION: settings.open_subscriptions,
        }
        self._open: Counter[tuple[Kind, str]] = Counter()

    @contextmanager
    def counted(self, kind: Kind, principal: Principal | None, address: str) -> Iterator[None]:
        """Count a request while the context is open. Raises `TooManyOpenError`."""
        owner = f"address/{network_of(address)}" if principal is None or principal.plan is Plan.GUEST else principal.user_id
        key = (kind, owner)
        limit = self._limits[kind]
        if limit and self._open[key] >= limit:
            raise TooManyOpenError(details={"kind": kind.value, "limit": limit}, retry_after=_RETRY_SECONDS)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def __len__(self) -> int:
        """Return the number of open requests."""
        return self._open.total()


class Counted:
    """An ASGI wrapper that counts the app's open requests."""

    def __init__(self, app: ASGIApp, kind: Kind) -> None:
        self._app = app
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count and serve a request."""
        requests: OpenRequests = scope["app"].state.dependencies.open_requests
        with requests.counted(self._kind, scope["state"].get("principal"), address_of(scope)):
            await self._app(scope, receive, send)
