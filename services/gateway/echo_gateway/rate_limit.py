"""Rate limits per minute, and their header fields on every response."""

import asyncio
import re
import time
from collections.abc import Awaitable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import cast

import structlog
from limits.aio.storage import Storage
from limits.storage import storage_from_string
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.auth.tokens import VerificationUnavailableError
from echo_common.contracts.http.quotas import UsageView
from echo_common.contracts.system_settings import ANONYMOUS_REQUESTS, CREDENTIAL_REQUESTS, REQUESTS_PER_MINUTE
from echo_common.errors import RateLimitedError
from echo_common.http.addresses import address_of, network_of
from echo_common.http.envelope import deny_websocket
from echo_common.http.internal import OPERATIONS
from echo_common.http.plain import public_error_response
from echo_common.live_settings import LiveSettings
from echo_gateway.contract import ProxyEndpoint
from echo_gateway.settings import GatewaySettings
from echo_gateway.window_storage import WindowStorage

WINDOW_SECONDS = 60
_IN_MEMORY = "memory://"
_COUNTING_SECONDS = 0.25
_UNCOUNTED = OPERATIONS | {"/api/v1/health"}
_PARAMETER = re.compile(r"\\{[a-z_]+\\}")


@dataclass(frozen=True, slots=True)
class Quota:
    """The remaining quota of a policy. `reset` is in seconds; a negative `remaining` means that the request exceeds the limit."""

    policy: str
    limit: int
    remaining: int
    reset: int


class RateLimiter:
    """The rate limit policies and their storage. A window is fixed: one minute from its first request.

    Requests of the endpoints declared with `credentials` have a limit of their own. If a shared storage fails, requests pass: a
    broken counter must not make the API unavailable.
    """

    def __init__(self, settings: GatewaySettings, live_settings: LiveSettings, endpoints: Iterable[ProxyEndpoint]) -> None:
        url = settings.limit_store.get_secret_value()
        self.windows = WindowStorage() if url == _IN_MEMORY else None
        """The counts of this process, unless a shared storage counts."""
        self._storage = self.windows or cast("Storage", storage_from_string(f"async+{url}"))
        self._live_settings = live_settings
        self._credentials = frozenset(
            (endpoint.method, endpoint.path) for endpoint in endpoints if endpoint.options.credentials
        )
        templates = [f"{method} {path}" for method, path in self._credentials if "{" in path]
        patterns = (_PARAMETER.sub("[^/]+", re.escape(template)) for template in templates)
        self._credential_template = re.compile("|".join(patterns)) if templates else None
        self._log = structlog.get_logger("echo.limits")

    async def close(self) -> None:
        """Close the connection to a shared storage, which would keep the process alive."""
        client = getattr(self._storage, "storage", None)
        if client is not None and isinstance(closing := client.close(), Awaitable):
            await closing

    async def count(self, method: str, path: str, principal: Principal | None, address: str) -> Quota | None:
        """Count a request and return its quota, or None if no limit applies."""
        if self.takes_credentials(method, path):
            policy, setting, key = "credentials", CREDENTIAL_REQUESTS, f"credentials/{network_of(address)}"
        elif principal is None:
            policy, setting, key = "default", ANONYMOUS_REQUESTS, f"address/{network_of(address)}"
        else:
            policy, setting, key = "default", REQUESTS_PER_MINUTE[principal.plan], _of_user(principal)
        limit = self._live_settings.get(setting)
        return await self._increment(policy, limit, key) if limit else None

    def takes_credentials(self, method: str, path: str) -> bool:
        """Return whether requests have the limit for credentials."""
        if (method, path) in self._credentials:
            return True
        template = self._credential_template
        return template is not None and template.fullmatch(f"{method} {path}") is not None

    async def forget(self, user_id: str) -> None:
        """Remove a user's count."""
        await self._storage.clear(f"user/{user_id}")

    async def usage(self, principal: Principal) -> UsageView:
        """Return the principal's requests of the current minute; none while a shared storage fails."""
        key = _of_user(principal)
        try:
            async with asyncio.timeout(_COUNTING_SECONDS):
                used, ends = await self._storage.get(key), await self._storage.get_expiry(key)
        except Exception as error:
            self._log.warning("rate_limit_count_failed", error=str(error) or type(error).__name__)
            used, ends = 0, time.time()
        return UsageView(
            metric="requests",
            used=used,
            limit=self._live_settings.get(REQUESTS_PER_MINUTE[principal.plan]) or None,
            period="minute",
            resets_at=datetime.fromtimestamp(max(ends, time.time()), UTC),
        )

    async def _increment(self, policy: str, limit: int, key: str) -> Quota:
        try:
            # Memory cannot hang, and a timeout costs as much as counting in memory.
            async with nullcontext() if self.windows is not None else asyncio.timeout(_COUNTING_SECONDS):
                used = await self._storage.incr(key, WINDOW_SECONDS)
                ends = await self._storage.get_expiry(key)
        except Exception as error:
            self._log.warning("rate_limit_count_failed", error=str(error) or type(error).__name__)
            return Quota(policy, limit, limit, WINDOW_SECONDS)
        return Quota(policy, limit, limit - used, max(1, ceil(ends - time.time())))


def _of_user(principal: Principal) -> str:
    return f"user/{principal.user_id}"


class RateLimitMiddleware:
    """Middleware that counts requests, rejects those beyond the rate limit, and adds the header fields of
    draft-ietf-httpapi-ratelimit-headers (revision 08 and later) to every response.

    While credentials cannot be verified, it is not known whose requests they are: they are refused and count for no one. They reach
    no service; the open connections of an address bound them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, then call the app or reject the request."""
        if scope["type"] == "websocket":
            await self._admit_websocket(scope, receive, send)
            return
        if scope["type"] != "http" or scope["path"] in _UNCOUNTED:
            await self._app(scope, receive, send)
            return
        rate_limiter: RateLimiter = scope["app"].state.dependencies.rate_limiter
        outage = _outage(scope)
        if outage is not None and not rate_limiter.takes_credentials(scope["method"], scope["path"]):
            await public_error_response(outage, scope)(scope, receive, send)
            return
        principal = scope["state"].get("principal")
        quota = await rate_limiter.count(scope["method"], scope["path"], principal, address_of(scope))
        if quota is None:
            await self._app(scope, receive, send)
            return
        fields = (
            (b"ratelimit-policy", f'"{quota.policy}";q={quota.limit};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"{quota.policy}";r={max(0, quota.remaining)};t={quota.reset}'.encode()),
        )

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *fields]
            await send(message)

        if quota.remaining < 0:
            error = RateLimitedError(retry_after=quota.reset)
            await public_error_response(error, scope)(scope, receive, counted_send)
            return
        await self._app(scope, receive, counted_send)

    async def _admit_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (outage := _outage(scope)) is not None:
            await deny_websocket(outage, scope, send)
            return
        rate_limiter: RateLimiter = scope["app"].state.dependencies.rate_limiter
        principal = scope["state"].get("principal")
        quota = await rate_limiter.count("WEBSOCKET", scope["path"], principal, address_of(scope))
        if quota is not None and quota.remaining < 0:
            await deny_websocket(RateLimitedError(retry_after=quota.reset), scope, send)
            return
        await self._app(scope, receive, send)


def _outage(scope: Scope) -> VerificationUnavailableError | None:
    """Return the error of a request whose credential cannot be verified yet, or None."""
    refusal = scope["state"].get("refusal")
    return refusal if isinstance(refusal, VerificationUnavailableError) else None
