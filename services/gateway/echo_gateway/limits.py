"""How many requests a minute anybody may send, and the fields that say so on every answer."""

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
from echo_common.http.envelope import error_response
from echo_common.http.internal import OPERATIONS
from echo_gateway.settings import GatewaySettings

WINDOW_SECONDS = 60
_COUNTING_SECONDS = 0.25
_UNCOUNTED = OPERATIONS | {"/api/v1/health"}
_CREDENTIALS = frozenset({"/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh"})


@dataclass(frozen=True, slots=True)
class Quota:
    """What a policy leaves to a caller; `reset` is in seconds, `remaining` below zero says: one request too many."""

    policy: str
    limit: int
    remaining: int
    reset: int


class Windows(Storage):
    """Counts in this process's memory. The library's own memory storage walks over all its keys on every request."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this store raises: nothing."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, from zero in a new window."""
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
        """The count in the window that runs."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds of the epoch."""
        return self._counts.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        """Whether the store can be used."""
        return True

    async def reset(self) -> int | None:
        """Forget all; how many they were."""
        count = len(self._counts)
        self._counts.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one."""
        self._counts.pop(key, None)


class Limits:
    """The policies in force, and where they are counted. Windows are fixed, each a minute from its first request.

    When a shared store does not answer, requests pass: a broken counter must not close the door.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        url = settings.limit_store.get_secret_value()
        self._in_memory = url == "memory://"
        self._storage = Windows() if self._in_memory else cast("Storage", storage_from_string(f"async+{url}"))
        self._by_plan = {
            Plan.GUEST: settings.limit_guest,
            Plan.USER: settings.limit_user,
            Plan.PREMIUM: settings.limit_premium,
        }
        self._anonymous = settings.limit_anonymous
        self._credentials = settings.limit_credentials
        self._log = structlog.get_logger("echo.limits")

    async def close(self) -> None:
        """Disconnect from a shared store; one left open would keep the process alive."""
        client = getattr(self._storage, "storage", None)
        if client is not None and isinstance(closing := client.close(), Awaitable):
            await closing

    async def take(self, path: str, principal: Principal | None, address: str) -> Quota | None:
        """Count one request; what is left of the quota it falls under, None when there is no limit."""
        if path in _CREDENTIALS:
            policy, limit, key = "credentials", self._credentials, f"credentials/{network_of(address)}"
        elif principal is None:
            policy, limit, key = "default", self._anonymous, f"address/{network_of(address)}"
        else:
            policy, limit, key = "default", self._by_plan[principal.plan], f"user/{principal.user_id}"
        return await self._count(policy, limit, key) if limit else None

    async def _count(self, policy: str, limit: int, key: str) -> Quota:
        try:
            # A time limit costs as much as counting in memory does, where nothing can hang.
            async with nullcontext() if self._in_memory else asyncio.timeout(_COUNTING_SECONDS):
                used = await self._storage.incr(key, WINDOW_SECONDS)
                ends = await self._storage.get_expiry(key)
        except Exception as error:
            self._log.warning("requests are not counted", reason=str(error) or type(error).__name__)
            return Quota(policy, limit, limit, WINDOW_SECONDS)
        return Quota(policy, limit, limit - used, max(1, round(ends - time.time())))


class Limit:
    """Counts each request that comes in, refuses those beyond the limit, and puts the fields of
    draft-ietf-httpapi-ratelimit-headers (from revision 08 on) on every answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then go on or refuse."""
        if scope["type"] != "http" or scope["path"] in _UNCOUNTED:
            await self._app(scope, receive, send)
            return
        limits: Limits = scope["app"].state.dependencies.limits
        quota = await limits.take(scope["path"], scope["state"].get("principal"), address_of(scope))
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
            await error_response(error, scope["state"]["request_id"])(scope, receive, counted_send)
            return
        await self._app(scope, receive, counted_send)
