"""Counts of requests by user, endpoint and hour, which are published as events every few seconds."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.contracts.events.gateway import EndpointUse, RequestServed
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Metric, Plan
from echo_common.errors import EchoError
from echo_common.http.envelope import RESPONSE_STARTS
from echo_common.http.forward import CLIENT_GONE
from echo_common.http.internal import OPERATIONS
from echo_common.live_settings import LiveSettings
from echo_common.outbox.event_batches import CollectedEvents, EventBatches
from echo_gateway.contract import ProxyEndpoint

UNMATCHED: Final = "unmatched"
"""Endpoint of requests that were refused before their route was known, or that match none."""

FLUSH_KEYS: Final = 2_000
"""Number of counts at which they are published without a wait."""

MAXIMUM_KEYS: Final = 20_000
"""Number of counts above which new ones are no longer kept by user, because the database has not taken any for a while.

Usage then shows them as requests without a user."""

USES_PER_EVENT: Final = 200
_HOUR: Final = 3600
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "WEBSOCKET"})
_UNCOUNTED: Final = OPERATIONS | {"/api/v1/health"}

_Key = tuple[int, str | None, str]
"""Hour since the epoch, user and endpoint."""


@dataclass(slots=True)
class _Count:
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    last_request: float = 0.0
    plan: Plan | None = None


class RequestCounts:
    """The counts of this process that are not published yet.

    Counting is one addition in memory.
    """

    def __init__(self, batches: EventBatches, live_settings: LiveSettings, endpoints: Iterable[ProxyEndpoint]) -> None:
        self.events = CollectedEvents(batches, self.collect, "requests")
        self._live_settings = live_settings
        self._quotas: Mapping[str, Metric] = {
            f"{endpoint.method} {endpoint.path}": Metric(endpoint.options.daily_quota)
            for endpoint in endpoints
            if endpoint.options.daily_quota
        }
        self._counts: dict[_Key, _Count] = {}

    def count(self, method: str, path: str, principal: Principal | None, status: int) -> None:
        """Count a request to a path template."""
        moment = time.time()
        endpoint = f"{method if method in _METHODS else 'OTHER'} {path}"
        hour, user_id = int(moment) // _HOUR, None if principal is None else principal.user_id
        found = self._counts.get((hour, user_id, endpoint))
        if found is None:
            if len(self._counts) >= FLUSH_KEYS:
                self.events.flush_soon()
                user_id = user_id if len(self._counts) < MAXIMUM_KEYS else None
            found = self._counts.setdefault((hour, user_id, endpoint), _Count())
        found.requests += 1
        found.last_request = moment
        if principal is not None:
            found.plan = principal.plan
        if status >= 500:
            found.server_errors += 1
        elif status >= 400:
            found.client_errors += 1

    def collect(self) -> Sequence[RequestServed]:
        """Return the events of the counts, and forget them."""
        counts, self._counts = self._counts, {}
        uses = [self._build_use(key, count) for key, count in counts.items()]
        parts = (uses[first : first + USES_PER_EVENT] for first in range(0, len(uses), USES_PER_EVENT))
        return [RequestServed(uses=tuple(part)) for part in parts]

    def forget(self, user_id: str) -> None:
        """Move the counts of a deleted user to the requests without a user, also in events that could not be published yet."""
        self.events.replace_unsent(partial(_remove_user, user_id=user_id))
        for key in [key for key in self._counts if key[1] == user_id]:
            gone = self._counts.pop(key)
            kept = self._counts.setdefault((key[0], None, key[2]), _Count())
            kept.requests += gone.requests
            kept.client_errors += gone.client_errors
            kept.server_errors += gone.server_errors
            kept.last_request = max(kept.last_request, gone.last_request)

    def _build_use(self, key: _Key, count: _Count) -> EndpointUse:
        hour, user_id, endpoint = key
        metric = self._quotas.get(endpoint)
        limit = self._live_settings.get(QUOTAS[metric][count.plan]) if metric and count.plan else 0
        return EndpointUse(
            user_id=user_id,
            endpoint=endpoint,
            hour=datetime.fromtimestamp(hour * _HOUR, UTC),
            requests=count.requests,
            client_errors=count.client_errors,
            server_errors=count.server_errors,
            last_request=datetime.fromtimestamp(int(count.last_request * 1000) / 1000, UTC),
            daily_limit=limit or None,
        )


def _remove_user(event: RequestServed, user_id: str) -> RequestServed:
    uses = (use.model_copy(update={"user_id": None}) if use.user_id == user_id else use for use in event.uses)
    return event.model_copy(update={"uses": tuple(uses)})


class RequestCounting:
    """Middleware that counts requests once their response starts, those that the rate limit refuses, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and count it."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _UNCOUNTED:
            await self._app(scope, receive, send)
            return
        counted = False

        def count(status: int) -> None:
            nonlocal counted
            if not counted:
                counted = True
                counts: RequestCounts = scope["app"].state.dependencies.request_counts
                path = getattr(scope.get("route"), "path", UNMATCHED)
                counts.count(scope.get("method", "WEBSOCKET"), path, scope["state"].get("principal"), status)

        async def counting_send(message: Message) -> None:
            if not counted:
                kind = message["type"]
                if kind in RESPONSE_STARTS:
                    count(message["status"])
                elif kind == "websocket.accept":
                    count(101)
            await send(message)

        try:
            await self._app(scope, receive, counting_send)
        except ClientDisconnect:
            count(CLIENT_GONE)
            raise
        except Exception as error:  # the telemetry middleware responds
            count(error.status if isinstance(error, EchoError) else 500)
            raise
