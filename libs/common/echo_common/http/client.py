"""Client of another service: over TCP, round-robin over its replicas, or over a Unix socket."""

import json as jsonlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from echo_common.errors import Details, EchoError, ServiceUnavailableError
from echo_common.http.languages import accepted_languages
from echo_common.telemetry import request_context
from echo_common.tracing import inject

CONNECT_SECONDS = 2.0
RESPONSE_SECONDS = 30.0
_KEEPALIVE_SECONDS = 20.0  # less than the servers', so that no request meets a connection that is being closed
STARTING = "x-echo-starting"
"""Response header of a replica that rejects requests unprocessed because it is still starting."""

_BUFFER_BYTES = 32 * 1024  # of a response that is not read; twice that may be held
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# aiohttp adds these by default; a proxy must forward headers unchanged, and services do not compress
_SKIPPED_HEADERS = ("Accept-Encoding", "User-Agent")


class AddressError(EchoError):
    """A service's address must be http://host:port (several with commas between) or unix:///path.sock."""


class RemoteError(EchoError):
    """Another service rejected the request; code, status, message and details are its own."""

    remote = True

    def __init__(
        self, status: int, code: str, message: str, *, details: Details | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message, details=details, retry_after=retry_after)
        vars(self).update(code=code, status=status)  # other errors define them on the class


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """A successful response. `data` and `meta` are the envelope's; a body without envelope is `data`."""

    status: int
    headers: Mapping[str, str]
    data: Any
    meta: Mapping[str, Any] | None = None


class _Reply(Protocol):
    """The reply of a replica: a response or the result of a handshake."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def close(self) -> Any: ...


R = TypeVar("R", bound=_Reply)


class ServiceClient:
    """A client of one service.

    `session` has no overall time limit (streams), keeps content encodings unchanged and reuses connections. A proxy
    sends its own requests on it, with `send`.
    """

    def __init__(self, name: str, bases: list[str], session: aiohttp.ClientSession) -> None:
        self.name = name
        self.session = session
        self._bases = deque(bases)

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, url: str) -> AsyncIterator["ServiceClient"]:
        """Open a client while the context lasts; it connects with the first request. Raises `AddressError`."""
        socket_path, bases = _addresses(name, url)
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(socket_path, limit=0, keepalive_timeout=_KEEPALIVE_SECONDS)
            if socket_path
            else aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS)
        )
        async with open_session(connector) as session:
            yield cls(name, bases, session)

    def next_replicas(self) -> Sequence[str]:
        """Return the base URLs of all replicas, once each, starting with the next one in round-robin order.

        URLs have no trailing slash. For a Unix socket, the URL is valid for `session` alone. Concurrent calls do not affect the
        list.
        """
        bases = tuple(self._bases)
        self._bases.rotate(-1)
        return bases

    async def send(
        self, target: str, request: Callable[[URL], Awaitable[R]], *, repeatable: Callable[[], bool], idempotent: bool
    ) -> R:
        """Send a request to a replica: call `request` with the replica's URL for `target` (path and query, percent-encoded).

        The next replica is tried if a request was never sent; if its replica is starting, while it is `repeatable`; and if it
        failed otherwise, provided that it is `idempotent`. If all replicas are starting, the last response is returned.

        Raises `ServiceUnavailableError` when no replica can be reached, or the one that received the request does not respond.
        """
        cause: Exception | None = None
        starting: R | None = None
        for base in self.next_replicas():
            try:
                response = await request(URL(base + target, encoded=True))
            except _NEVER_SENT as error:
                cause = error
            except TimeoutError as error:
                raise ServiceUnavailableError(f"{self.name} did not respond in time.") from error
            except (aiohttp.ClientError, OSError) as error:
                cause = error
                if not idempotent:
                    break
            else:
                if STARTING not in response.headers or not repeatable():
                    return response
                if starting is not None:
                    starting.close()
                starting = response
        if starting is not None:
            return starting
        raise ServiceUnavailableError(f"{self.name} is not reachable right now.") from cause

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = RESPONSE_SECONDS,
    ) -> Any:
        """Send a request; return the `data` of the response's envelope. See `fetch`."""
        return (await self.fetch(method, path, json=json, headers=headers, seconds=seconds)).data

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = RESPONSE_SECONDS,
    ) -> ServiceResponse:
        """Send a request; return the complete response within `seconds`. `path` starts with a slash and is percent-encoded.

        Trace context, request id and the client's languages are sent along. Raises `RemoteError` when the service rejects the request, and
        `ServiceUnavailableError` when no replica can be reached, none responds in time, or the response is malformed.
        """
        return self._parse(*await self._receive(method, path, json, headers, seconds))

    async def fetch_text(
        self, path: str, *, headers: Mapping[str, str] | None = None, seconds: float = RESPONSE_SECONDS
    ) -> str:
        """Get a text that is not JSON, in UTF-8. Raises as `fetch`."""
        status, received, body = await self._receive("GET", path, None, headers, seconds)
        if status >= 400:
            raise self.refusal(status, received, body)
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise ServiceUnavailableError(f"{self.name} sent an invalid response.") from error

    async def _receive(
        self, method: str, path: str, json: Any, headers: Mapping[str, str] | None, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        body = None if json is None else jsonlib.dumps(json).encode()
        sent = _with_context(headers, json_body=body is not None)
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)

        async def read(url: URL) -> aiohttp.ClientResponse:
            response = await self.session.request(method, url, data=body, headers=sent, timeout=limit, allow_redirects=False)
            await response.read()
            return response

        response = await self.send(path, read, repeatable=always_repeatable, idempotent=method in _IDEMPOTENT)
        if STARTING in response.headers:
            raise ServiceUnavailableError(f"{self.name} is not reachable right now.")
        return response.status, response.headers, await response.read()

    def _parse(self, status: int, headers: Mapping[str, str], body: bytes) -> ServiceResponse:
        if status >= 400:
            raise self.refusal(status, headers, body)
        if not body:
            return ServiceResponse(status, headers, None)
        try:
            content = jsonlib.loads(body)
        except ValueError as error:
            raise ServiceUnavailableError(f"{self.name} sent an invalid response.") from error
        if isinstance(content, dict) and content.get("success") is True:
            return ServiceResponse(status, headers, content.get("data"), content.get("meta"))
        return ServiceResponse(status, headers, content)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> EchoError:
        """Return the error of a response: `RemoteError`, or `ServiceUnavailableError` if the response has no error envelope."""
        try:
            problem = jsonlib.loads(body)["error"]
            code, message = str(problem["code"]), str(problem.get("message", ""))
        except (ValueError, LookupError, TypeError, AttributeError):
            return ServiceUnavailableError(f"{self.name} sent an invalid response.")
        wait = headers.get("Retry-After", "")
        retry_after = int(wait) if wait.isdecimal() else None
        return RemoteError(status, code, message, details=problem.get("details"), retry_after=retry_after)


def context_headers() -> dict[str, str]:
    """Return the headers with the trace context, the request id and the client's languages of the current request."""
    return _with_context(None, json_body=False)


def always_repeatable() -> bool:
    """Return True: the request can be sent to several replicas."""
    return True


def open_session(connector: aiohttp.BaseConnector | None, **options: Any) -> aiohttp.ClientSession:
    """Open a session with the settings of all requests to services; further `options` go to aiohttp."""
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_BUFFER_BYTES,
        skip_auto_headers=_SKIPPED_HEADERS,
        **options,
    )


def _addresses(name: str, url: str) -> tuple[str | None, list[str]]:
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return parts.path, [f"http://{name}"]
    bases = [base.strip().rstrip("/") for base in url.split(",")]
    if any(urlsplit(base).scheme not in {"http", "https"} or not urlsplit(base).hostname for base in bases):
        raise AddressError(
            f"{url!r} is no address of {name}: http://host:port (several with commas between) or unix:///path.sock."
        )
    return None, bases


def _with_context(headers: Mapping[str, str] | None, *, json_body: bool) -> dict[str, str]:
    sent = dict(headers or {})
    if json_body:
        sent.setdefault("Content-Type", "application/json")
    if request_id := request_context.get().get("request_id"):
        sent.setdefault("X-Request-ID", request_id)
    if languages := accepted_languages.get():
        sent.setdefault("Accept-Language", languages)
    inject(sent)
    return sent
