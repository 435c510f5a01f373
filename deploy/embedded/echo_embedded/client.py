"""Client of the public REST API for `echoctl`."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp

from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.client import RemoteError
from echo_embedded.data_folder import NO_PLATFORM_REMEDY
from echo_embedded.terminal_text import printable
from echo_embedded.tokens import TokenFile
from echo_embedded.trust import Trust

_PAGE = 100
_MESSAGE_BYTES = 1024 * 1024
_UNTRUSTED = "has a certificate that is not trusted. Name the file of its certificate authority with --ca-file (ECHO_CA_FILE)."


class Client:
    """A client of one gateway, with the user it logged in as.

    Every call raises `RemoteError` for an error response, `ServiceUnavailableError` if the platform is unreachable.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self._headers: dict[str, str] = {}
        self._log_in: Callable[[], Awaitable[None]] | None = None
        self._log_in_again: Callable[[], Awaitable[None]] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, trust: Trust = True) -> AsyncIterator["Client"]:
        """Open a client; it connects on the first call."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield cls(url.rstrip("/"), session)

    async def log_in(self, email: str, password: str, cache: TokenFile) -> None:
        """Log in for all later calls, with the cached token while it is accepted."""

        async def anew() -> None:
            self._headers.clear()
            token, seconds = _token_of(await self.call("POST", "/api/v1/auth/login", {"email": email, "password": password}))
            if token is None:
                raise ServiceUnavailableError(f"{self._url} does not answer like Echo: the login returned no token.")
            cache.write(token, seconds)
            self._authorize(token)

        self._log_in = anew
        token = cache.read()
        if token is None:
            await anew()
            return
        self._authorize(token)
        self._log_in_again = anew

    async def renew_login(self) -> None:
        """Log in again, for a token that has expired or soon will."""
        self._log_in_again = None
        if self._log_in is not None:
            await self._log_in()

    def _authorize(self, token: str) -> None:
        self._headers["Authorization"] = f"Bearer {token}"

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request; return the envelope's `data`, or the whole body without an envelope."""
        async with self._request(method, path, body) as response:
            try:
                answer = await response.json()
            except (aiohttp.ContentTypeError, ValueError, RecursionError):
                raise _not_echo(response) from None
        return answer["data"] if isinstance(answer, dict) and "data" in answer else answer

    async def pages(self, path: str, **query: str) -> AsyncIterator[Any]:
        """Yield all items of a paginated list; `query` are further parameters."""
        offset = 0
        while True:
            page = await self.call("GET", f"{path}?{urlencode({'limit': _PAGE, 'offset': offset, **query})}")
            for item in page:
                yield item
            offset += _PAGE
            if len(page) < _PAGE:
                return

    async def progress(self, job_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield a job's progress events up to its end."""
        async with self._request("GET", f"/api/v1/job/{job_id}/progress") as response:
            async for line in response.content:
                if line.startswith(b"data:"):
                    event: dict[str, Any] = json.loads(line[5:])
                    if event.get("event") == "complete":
                        return
                    yield event

    async def bytes(self, path: str) -> AsyncIterator[bytes]:
        """Yield the blocks of a file."""
        async with self._request("GET", path) as response:
            async for piece in response.content.iter_any():
                yield piece

    @asynccontextmanager
    async def websocket(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket connection. A cached token must have been accepted by a call before."""
        # a session of its own has the middleware, which reads the refusal of a handshake; aiohttp's own error lacks its body
        async with aiohttp.ClientSession(
            connector=self._session.connector, connector_owner=False, middlewares=(_raise_refusal,)
        ) as session:
            try:
                async with session.ws_connect(self._url + path, headers=self._headers, max_msg_size=_MESSAGE_BYTES) as socket:
                    yield socket
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ServiceUnavailableError(f"The connection to {self._url} broke off. {NO_PLATFORM_REMEDY}") from error

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            # a redirect could send the password to another server
            async with self._session.request(
                method, self._url + path, json=body, headers=self._headers, allow_redirects=False
            ) as response:
                renew, self._log_in_again = self._log_in_again, None
                if response.status != 401 or renew is None:
                    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                        raise await _refusal(response)
                    yield response
                    return
            await renew()  # the cached token was revoked
            async with self._request(method, path, body) as answer:
                yield answer
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch) as error:
            raise ServiceUnavailableError(f"{self._url} {_UNTRUSTED}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailableError(f"No platform responds at {self._url}. {NO_PLATFORM_REMEDY}") from error


async def _raise_refusal(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await handler(request)
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return response
    try:
        raise await _refusal(response)
    finally:
        response.close()


async def _refusal(response: aiohttp.ClientResponse) -> EchoError:
    try:
        problem = (await response.json())["error"]
        wait = response.headers.get("Retry-After", "")
        return RemoteError(
            response.status,
            problem["code"],
            printable(problem["message"]),
            details=problem.get("details"),
            retry_after=int(wait) if wait.isdecimal() else None,
        )
    except (aiohttp.ContentTypeError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return _not_echo(response)


def _not_echo(response: aiohttp.ClientResponse) -> EchoError:
    return ServiceUnavailableError(f"{response.url.origin()} does not answer like Echo (status {response.status}).")


def _token_of(tokens: Any) -> tuple[str | None, float]:
    """Return the access token of a login and its duration in seconds; no token if a header could not hold it."""
    try:
        token, seconds = str(tokens["access_token"]), float(tokens["expires_in"])
    except (LookupError, TypeError, ValueError):
        return None, 0.0
    return token if token.isascii() and token.isprintable() else None, seconds
