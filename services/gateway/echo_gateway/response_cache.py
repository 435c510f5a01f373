"""Response cache for finished audio, in memory."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Scope as CredentialScope
from echo_common.http.object_response import etag_matches
from echo_common.metrics import CountLookup, count_nothing
from echo_gateway.authentication import authorize

_FRESH_SECONDS = 60.0
_LARGEST_SHARE = 16
# headers that describe the content; all others (ids, cookies, dates, limits) belong to a single response
_STORED_HEADERS: Final = frozenset(
    {
        b"accept-ranges",
        b"cache-control",
        b"content-disposition",
        b"content-length",
        b"content-type",
        b"etag",
        b"last-modified",
        b"vary",
    }
)
_CREDENTIAL = b"authorization"
_STORABLE: Final = frozenset({b"immutable", b"no-cache"})
_PLAIN_PARAMETERS: Final = frozenset({"download", "revision"})

Headers = list[tuple[bytes, bytes]]
Target = tuple[str, str, str]
"""Cache key: user id, path and query."""


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A cached response; `until` is its expiry on the `time.monotonic` clock."""

    headers: Headers
    body: bytes
    etag: str
    until: float


class ResponseCache:
    """A cache of complete responses that their service permits to store, separate for each user; LRU eviction.

    Responses are immutable, or an event says that they have changed (`no-cache`: other caches have to ask). An entry expires
    after a minute, so that deleted and revised audio disappears soon even if that event is lost. `capacity` is in
    bytes; 0 disables the cache.
    """

    def __init__(self, capacity: int, count_lookup: CountLookup = count_nothing) -> None:
        self._capacity = capacity
        self._count_lookup = count_lookup
        self._responses: OrderedDict[Target, CachedResponse] = OrderedDict()
        self._size = 0
        self.changes = 0
        """Number of invalidations; a response requested before the latest one may be stale."""

    def find(self, target: Target) -> CachedResponse | None:
        """Return the cached response, or None if it is missing or expired."""
        cached = self._responses.get(target)
        if cached is not None and cached.until < time.monotonic():
            self._drop(target)
            cached = None
        self._count_lookup(cached is not None)
        if cached is not None:
            self._responses.move_to_end(target)
        return cached

    @property
    def size_bytes(self) -> int:
        """Size of the responses."""
        return self._size

    def is_cacheable(self, headers: Headers) -> bool:
        """Return whether a response is cacheable by its headers: small, with an ETag, storable, and specific to the user."""
        fields = dict(headers)
        length = fields.get(b"content-length", b"")
        vary = _names(fields.get(b"vary", b""))
        return (
            length.isdigit()
            and int(length) <= self._capacity // _LARGEST_SHARE
            and b"etag" in fields
            and not _STORABLE.isdisjoint(_names(fields.get(b"cache-control", b"")))
            and b"set-cookie" not in fields
            and vary <= {_CREDENTIAL}
        )

    def put(self, target: Target, headers: Headers, body: bytes, *, asked_at: int) -> None:
        """Cache a complete response, unless the cache was invalidated since the request (`asked_at` is `changes` at that time)."""
        if asked_at != self.changes:
            return
        self._drop(target)
        stored = [header for header in headers if header[0] in _STORED_HEADERS]
        self._responses[target] = CachedResponse(
            stored, body, dict(headers)[b"etag"].decode("latin-1"), time.monotonic() + _FRESH_SECONDS
        )
        self._size += len(body)
        while self._size > self._capacity:
            self._drop(next(iter(self._responses)))

    def invalidate(self, part: str) -> None:
        """Invalidate all responses whose path contains `part`, an identifier."""
        self.changes += 1
        for target in [target for target in self._responses if part in target[1]]:
            self._drop(target)

    def invalidate_user(self, user_id: str) -> None:
        """Invalidate all responses of a user."""
        self.changes += 1
        for target in [target for target in self._responses if target[0] == user_id]:
            self._drop(target)

    def _drop(self, target: Target) -> None:
        if (cached := self._responses.pop(target, None)) is not None:
            self._size -= len(cached.body)


class CachingEndpoint:
    """A proxy route with a response cache: it serves authenticated GET requests from the cache and forwards all others.

    It also forwards requests with a signed link, because the service must check whether the link is still valid.
    """

    def __init__(self, endpoint: ASGIApp, *scopes: CredentialScope) -> None:
        self._endpoint = endpoint
        self._scopes = scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request from the cache, or forward it."""
        request_headers = dict(scope["headers"])
        query = scope["query_string"].decode("latin-1")
        plain = not query or {name for name, _ in parse_qsl(query, keep_blank_values=True)} <= _PLAIN_PARAMETERS
        if scope["method"] != "GET" or b"range" in request_headers or "principal" not in scope["state"] or not plain:
            await self._endpoint(scope, receive, send)
            return
        cache: ResponseCache = scope["app"].state.dependencies.response_cache
        target = (authorize(scope, *self._scopes).user_id, scope["path"], query)
        if (cached := cache.find(target)) is None:
            await self._endpoint(scope, receive, _Recorder(cache, target, send))
            return
        unchanged = b"if-none-match" in request_headers and etag_matches(
            request_headers[b"if-none-match"].decode("latin-1"), cached.etag
        )
        headers = [header for header in cached.headers if not (unchanged and header[0] == b"content-length")]
        await send({"type": "http.response.start", "status": 304 if unchanged else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if unchanged else cached.body})


def _names(field: bytes) -> set[bytes]:
    return {name.strip() for name in field.lower().split(b",") if name.strip()}


class _Recorder:
    """A `send` wrapper that forwards a response and caches a copy once it is complete."""

    def __init__(self, cache: ResponseCache, target: Target, send: Send) -> None:
        self._cache = cache
        self._target = target
        self._send = send
        self._asked_at = cache.changes
        self._headers: Headers | None = None
        self._blocks: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Headers = list(message["headers"])
            self._headers = headers if message["status"] == 200 and self._cache.is_cacheable(headers) else None
        elif message["type"] == "http.response.body" and self._headers is not None:
            self._blocks.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._cache.put(self._target, self._headers, b"".join(self._blocks), asked_at=self._asked_at)
        await self._send(message)
