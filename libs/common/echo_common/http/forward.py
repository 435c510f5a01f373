"""Streaming proxy: forwards a request to a service and streams its response back without storing it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable
from types import TracebackType
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from echo_common.errors import EchoError, NotFoundError, ServiceUnavailableError
from echo_common.http.client import STARTING, ServiceClient
from echo_common.tracing import inject

CLIENT_GONE = 499
"""Status recorded for a request whose client disconnected before the response began. It is never sent."""

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        STARTING.encode(),
    }
)
# set by the gateway itself, so that clients cannot forge them
_DROPPED_REQUEST_HEADERS = _HOP_BY_HOP | {
    b"host",
    b"expect",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-real-ip",
    b"x-request-id",
    b"traceparent",
    b"tracestate",
    b"baggage",
}
_UNWATCHED_SECONDS = 0.01
_CHUNK_BYTES = 32 * 1024
_REPEATABLE_BYTES = 64 * 1024  # of a request's body: as much is buffered for a retry on another replica


class BrokenResponseError(Exception):
    """A service broke off its response: the client's connection must be aborted too, never ended cleanly."""


class _DisconnectedError(Exception):
    """The client has disconnected; its request body ends here."""


class ClientRequest:
    """The client's side of one request. As a context manager it cancels its content when the client disconnects.

    A disconnect is noticed while the body is read or after `watch`. The cancellation ends at the context, and `gone` is then
    True.
    """

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self.refusal: EchoError | None = None
        self._receive = receive
        self._buffer: list[bytes] | None = []
        self._complete = False
        self._task: asyncio.Task[object] | None = None
        self._watching: asyncio.Task[None] | asyncio.TimerHandle | None = None

    def __enter__(self) -> "ClientRequest":
        self._task = asyncio.current_task()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        task, self._task = self._task, None
        if self._watching is not None:
            self._watching.cancel()
        if not self.gone or task is None:
            return False
        return task.uncancel() == 0 and (error is None or isinstance(error, asyncio.CancelledError))

    def watch(self) -> None:
        """Start watching for a disconnect; the body has been read, or there is none."""
        self._complete = True
        if self._task is not None:
            # Most responses arrive before a watcher task would be worth its cost.
            self._watching = asyncio.get_running_loop().call_later(_UNWATCHED_SECONDS, self._start_watching)

    def is_repeatable(self) -> bool:
        """Return whether the request can be sent again: it has no body, or a body that was read and buffered completely."""
        return self._complete and self._buffer is not None

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the request's body as it arrives, then `watch`; start again from the buffer while the request is repeatable.

        An error raised on the way is stored in `refusal`.
        """
        for chunk in self._buffer or ():
            yield chunk
        while not self._complete:
            try:
                message = await self._receive()
            except EchoError as refusal:
                self.refusal = refusal
                raise
            if message["type"] == "http.disconnect":
                self._record_disconnect()
                raise _DisconnectedError
            if chunk := message.get("body", b""):
                self._buffer_chunk(chunk)
                yield chunk
            if not message.get("more_body", False):
                self._complete = True
                self.watch()

    def _buffer_chunk(self, chunk: bytes) -> None:
        if self._buffer is not None:
            self._buffer.append(chunk)
            if sum(map(len, self._buffer)) > _REPEATABLE_BYTES:
                self._buffer = None

    def _start_watching(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._record_disconnect()

    def _record_disconnect(self) -> None:
        if self._task is not None:
            self.gone = True
            self._task.cancel()


async def forward(client: ServiceClient, target: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Forward a request to `target` (path and query, percent-encoded) of a service, and stream its response back.

    A client that disconnects closes the service's connection at once. Raises `ServiceUnavailableError` when no replica can be
    reached or none responds, `RemoteError` when all replicas are starting, `BrokenResponseError` when the response breaks off.
    """
    headers, has_body = forwarded_headers(scope)
    with ClientRequest(receive) as client_request:
        if not has_body:
            client_request.watch()
        response = await _open_response(client, target, scope["method"], headers, client_request, has_body=has_body)
        try:
            if STARTING in response.headers:  # raised, so that the gateway renders it as the path's other errors
                raise client.refusal(response.status, response.headers, await response.read())
            await send(
                {"type": "http.response.start", "status": response.status, "headers": _end_to_end_headers(response.raw_headers)}
            )
            content, more = response.content, True
            while more:
                chunk = await content.read(_CHUNK_BYTES)
                more = not content.at_eof()
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenResponseError(f"{client.name} broke off") from error
        finally:
            # a response read to its end has already released its connection; that of any other must not be reused
            response.close()
    if client_request.gone:
        await send({"type": "http.response.start", "status": CLIENT_GONE, "headers": []})


async def _open_response(
    client: ServiceClient, target: str, method: str, headers: CIMultiDict[str], client_request: ClientRequest, *, has_body: bool
) -> aiohttp.ClientResponse:
    def request(url: URL) -> Awaitable[aiohttp.ClientResponse]:
        body = client_request.body() if has_body else None
        return client.session.request(method, url, data=body, headers=headers, allow_redirects=False)

    try:
        return await client.send(target, request, repeatable=client_request.is_repeatable, idempotent=False)
    except ServiceUnavailableError:
        if client_request.refusal is not None:
            raise client_request.refusal from None
        raise


def target_of(scope: Scope, public: bytes, inner: bytes) -> str:
    """Return path and query of a request as received, with the path's prefix `public` replaced by `inner`.

    Raises `NotFoundError` if a part of the prefix, or the slash after it, is percent-encoded: appended to a base URL, a target
    without its slash would change the host.
    """
    if not scope["raw_path"].startswith(public + b"/"):
        raise NotFoundError
    raw: bytes = inner + scope["raw_path"].removeprefix(public)
    if scope["query_string"]:
        raw += b"?" + scope["query_string"]
    return raw.decode() if raw.isascii() else quote(raw, safe="/?&=%:@!$'()*+,;~-._")


def forwarded_headers(scope: Scope) -> tuple[CIMultiDict[str], bool]:
    """Return the headers to forward, with the client's address and the trace context, and whether the request has a body."""
    headers: CIMultiDict[str] = CIMultiDict()
    has_body, of_this_connection = False, ""
    for name, value in scope["headers"]:
        if name not in _DROPPED_REQUEST_HEADERS:
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
            has_body = has_body or (name == b"content-length" and value != b"0")
        elif name == b"transfer-encoding":
            has_body = True
        elif name == b"connection":
            of_this_connection = value.decode("latin-1")
    for named in of_this_connection.split(",") if of_this_connection else ():
        headers.popall(named.strip(), None)
    if scope.get("client"):
        headers["X-Forwarded-For"] = scope["client"][0]
    request_id = scope.get("state", {}).get("request_id")
    if request_id:
        headers["X-Request-ID"] = request_id
    inject(headers)
    return headers, has_body


def _end_to_end_headers(raw_headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(lower, value) for name, value in raw_headers if (lower := name.lower()) not in _HOP_BY_HOP]
