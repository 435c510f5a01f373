"""Limits on concurrent long requests per user."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Plan
from echo_common.http.addresses import address_of, network_of
from echo_common.http.proxy_options import LongRequest, TooManyOpenError
from echo_common.metrics import HttpMetrics
from echo_gateway.settings import GatewaySettings

_RETRY_SECONDS = 5


class ConcurrencyLimiter:
    """Counts of open requests per user in this process; guests and requests without a token count by address."""

    def __init__(self, settings: GatewaySettings, metrics: HttpMetrics) -> None:
        self._gauges = {kind: metrics.open.labels(kind.value) for kind in LongRequest}
        self._limits = {
            LongRequest.STREAM: settings.open_streams,
            LongRequest.SYNTHESIS: settings.open_syntheses,
            LongRequest.SUBSCRIPTION: settings.open_subscriptions,
        }
        self._open: Counter[tuple[LongRequest, str]] = Counter()

    @contextmanager
    def counted(self, kind: LongRequest, principal: Principal | None, address: str) -> Iterator[None]:
        """Count a request while the context is open. Raises `TooManyOpenError`."""
        owner = f"address/{network_of(address)}" if principal is None or principal.plan is Plan.GUEST else principal.user_id
        key = (kind, owner)
        limit = self._limits[kind]
        if limit and self._open[key] >= limit:
            raise TooManyOpenError(details={"kind": kind.value, "limit": limit}, retry_after=_RETRY_SECONDS)
        self._open[key] += 1
        try:
            with self._gauges[kind].track_inprogress():
                yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def __len__(self) -> int:
        """Return the number of open requests."""
        return self._open.total()


class ConcurrencyLimited:
    """An ASGI wrapper that counts the app's open requests."""

    def __init__(self, app: ASGIApp, kind: LongRequest) -> None:
        self._app = app
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count and serve a request."""
        requests: ConcurrencyLimiter = scope["app"].state.dependencies.concurrency
        with requests.counted(self._kind, scope["state"].get("principal"), address_of(scope)):
            await self._app(scope, receive, send)
