"""Client of another service: over TCP, round-robin over its replicas, or over a Unix socket."""

import json as jsonlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from opentelemetry import propagate
from yarl import URL

from echo_common.errors import Details, EchoError, ServiceUnavailableError
from echo_common.telemetry import request_context

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 30.0
_KEEPALIVE_SECONDS = 20.0  # less than the servers', so that no request meets a connection that is being closed
STARTING = "x-echo-starting"
"""Response header of a replica that rejects requests unprocessed because it is still starting."""

_BUFFER_BYTES = 32 * 1024  # of a response that is not read; twice that may be held
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# aiohttp adds these by default; a proxy must forward headers unchanged, and services do not compress
_NOT_OURS = ("Accept-Encoding", "User-Agent")


class AddressError(EchoError):
    """A service's address must be http://host:port (several with commas between) or unix:///path.sock."""


class RemoteError(EchoError):
    """Another service rejected the request; code, status, message and details are its own."""

    def __init__(
        self, status: int, code: str, message: str, *, details: Details | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message, details=details, retry_after=retry_after)
        vars(self).update(code=code, status=status)  # other errors define them on the class


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response. `data` and `meta` are the envelope's; a body without envelope is `data`."""

    status: int
    headers: Mapping[str, str]
    data: Any
    meta: Mapping[str, Any] | None = None


class ServiceClient:
    """A client of one service. A proxy needs only `session` and `in_turn`.

    `session` has no overall time limit (streams), keeps content encodings unchanged and reuses connections. A request that
    never reached its replica may be sent to the next one of `in_turn`.
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
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_BUFFER_BYTES,
            skip_auto_headers=_NOT_OURS,
        ) as session:
            yield cls(name, bases, session)

    def in_turn(self) -> Sequence[str]:
        """Return the base URLs of all replicas, once each, starting with the next one in round-robin order.

        URLs have no trailing slash. For a Unix socket, the URL is valid for `session` alone. Concurrent calls do not affect the
        list.
        """
        bases = tuple(self._bases)
        self._bases.rotate(-1)
        return bases

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Any:
        """Send a request; return the `data` of the response's envelope. See `answer`."""
        return (await self.answer(method, path, json=json, headers=headers, seconds=seconds)).data

    async def answer(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Send a request; return the complete response within `seconds`. `path` starts with a slash and is percent-encoded.

        Trace context and request id are sent along. Raises `RemoteError` when the service rejects the request, and
        `ServiceUnavailableError` when no replica can be reached, none responds in time, or the response is malformed.
        """
        body = None if json is None else jsonlib.dumps(json).encode()
        sent = _with_context(headers, json_body=body is not None)
        unavailable = ServiceUnavailableError(f"{self.name} is not reachable right now.")
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        for base in self.in_turn():
            try:
                async with self.session.request(
                    method, URL(base + path, encoded=True), data=body, headers=sent, timeout=limit, allow_redirects=False
                ) as response:
                    if STARTING not in response.headers:
                        return self._read(response.status, response.headers, await response.read())
            except _NEVER_SENT as error:
                unavailable.__cause__ = error
            except TimeoutError as error:
                raise ServiceUnavailableError(f"{self.name} did not answer in time.") from error
            except aiohttp.ClientError as error:
                unavailable.__cause__ = error
                if method not in _REPEATABLE:
                    break  # the service may have processed it: only the caller can decide on a retry
        raise unavailable

    def _read(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        if not body and status < 400:
            return Answer(status, headers, None)
        try:
            content = jsonlib.loads(body)
        except ValueError as error:
            raise ServiceUnavailableError(f"{self.name} gave an answer that makes no sense.") from error
        if status >= 400:
            raise self._refusal(status, headers, content)
        if isinstance(content, dict) and content.get("success") is True:
            return Answer(status, headers, content.get("data"), content.get("meta"))
        return Answer(status, headers, content)

    def _refusal(self, status: int, headers: Mapping[str, str], content: Any) -> EchoError:
        problem = content.get("error") if isinstance(content, dict) else None
        if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
            return ServiceUnavailableError(f"{self.name} gave an answer that makes no sense.")
        wait = headers.get("Retry-After", "")
        return RemoteError(
            status,
            problem["code"],
            str(problem.get("message", "")),
            details=problem.get("details"),
            retry_after=int(wait) if wait.isdecimal() else None,
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
    propagate.inject(sent)
    return sent
