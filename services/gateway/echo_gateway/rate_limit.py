"""Rate limits per minute, and their header fields on every response."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import cast

import structlog
from limits.aio.storage import Storage
from limits.storage import storage_from_string
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Plan
from echo_common.errors import RateLimitedError
from echo_common.http.addresses import address_of, network_of
from echo_common.http.envelope import deny_websocket
from echo_common.http.internal import OPERATIONS
from echo_common.http.plain import public_error_response
from echo_gateway.settings import GatewaySettings

WINDOW_SECONDS = 60
_COUNTING_SECONDS = 0.25
_UNCOUNTED = OPERATIONS | {"/api/v1/health"}
_CREDENTIALS = frozenset(
    {"/api/v1/auth/guest", "/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh"},
)


@dataclass(frozen=True, slots=True)
class Quota:
    """The remaining quota of a policy. `reset` is in seconds; a negative `remaining` means that the request exceeds the limit."""

    policy: str
    limit: int
    remaining: int
    reset: int


class WindowStorage(Storage):
    """A limit storage in process memory. The library's own memory storage scans all its keys on every request."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Exceptions of the storage. It raises none; the interface requires a type."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the count of the current window, or start a new window, and return the count."""
        now = time.time()
        if now >= self._sweep_at:
            self._counts = {known: window for known, window in self._counts.items() if window[1] > now}
            self._sweep_at = now + expiry
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._counts[key] = (count + amount, ends)
        return count + amount

    async def get(self, key: str) -> int:
        """Return the count of the current window."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """Return the end of the window in seconds since the epoch."""
        return self._counts.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        """Return True: memory is always available."""
        return True

    async def reset(self) -> int | None:
        """Clear all counts and return their number."""
        count = len(self._counts)
        self._counts.clear()
        return count

    async def clear(self, key: str) -> None:
        """Clear the count of a key."""
        self._counts.pop(key, None)


class RateLimiter:
    """The rate limit policies and their storage. A window is fixed: one minute from its first request.

    If a shared storage fails, requests pass: a broken counter must not make the API unavailable.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        url = settings.limit_store.get_secret_value()
        self._in_memory = url == "memory://"
        self._storage = WindowStorage() if self._in_memory else cast("Storage", storage_from_string(f"async+{url}"))
        self._by_plan = {
            Plan.GUEST: settings.limit_guest,
            Plan.USER: settings.limit_user,
            Plan.PREMIUM: settings.limit_premium,
        }
        self._anonymous = settings.limit_anonymous
        self._credentials = settings.limit_credentials
        self._log = structlog.get_logger("echo.limits")

    async def close(self) -> None:
        """Close the connection to a shared storage, which would keep the process alive."""
        client = getattr(self._storage, "storage", None)
        if client is not None and isinstance(closing := client.close(), Awaitable):
            await closing

    async def count(self, path: str, principal: Principal | None, address: str) -> Quota | None:
        """Count a request and return its quota, or None if no limit applies."""
        if path in _CREDENTIALS:
            policy, limit, key = "credentials", self._credentials, f"credentials/{network_of(address)}"
        elif principal is None:
            policy, limit, key = "default", self._anonymous, f"address/{network_of(address)}"
        else:
            policy, limit, key = "default", self._by_plan[principal.plan], f"user/{principal.user_id}"
        return await self._increment(policy, limit, key) if limit else None

    async def _increment(self, policy: str, limit: int, key: str) -> Quota:
        try:
            # Memory cannot hang, and a timeout costs as much as counting in memory.
            async with nullcontext() if self._in_memory else asyncio.timeout(_COUNTING_SECONDS):
                used = await self._storage.incr(key, WINDOW_SECONDS)
                ends = await self._storage.get_expiry(key)
        except Exception as error:
            self._log.warning("rate_limit_count_failed", error=str(error) or type(error).__name__)
            return Quota(policy, limit, limit, WINDOW_SECONDS)
        return Quota(policy, limit, limit - used, max(1, round(ends - time.time())))


class RateLimitMiddleware:
    """Middleware that counts requests, rejects those beyond the rate limit, and adds the header fields of
    draft-ietf-httpapi-ratelimit-headers (revision 08 and later) to every response.
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
        quota = await rate_limiter.count(scope["path"], scope["state"].get("principal"), address_of(scope))
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
        rate_limiter: RateLimiter = scope["app"].state.dependencies.rate_limiter
        quota = await rate_limiter.count(scope["path"], scope["state"].get("principal"), address_of(scope))
        if quota is not None and quota.remaining < 0:
            await deny_websocket(RateLimitedError(retry_after=quota.reset), scope, send)
            return
        await self._app(scope, receive, send)
