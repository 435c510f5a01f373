"""Server that runs an app with uvicorn, on a TCP port or a Unix socket."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from echo_common.http.connections import ConnectionLimits, Connections
from echo_common.http.protocol import LimitedProtocol
from echo_common.http.proxy_options import MAX_MESSAGE_BYTES
from echo_common.http.tls import Tls
from echo_common.http.tls_listener import BACKLOG, TlsListener
from echo_common.http.websocket_protocol import LimitedWebSocket

GRACE_SECONDS = 8
_SEND_BUFFER_BYTES = 256 * 1024
"""Kernel memory for one connection's unread bytes; Linux reserves twice that. Without it, a connection may hold 4 MB."""

_DEFAULT_LIMITS = ConnectionLimits()


class AddressTakenError(OSError):
    """The service's address is already in use."""


class _Server(uvicorn.Server):
    """uvicorn server that leaves signals to the process, which may run several servers."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def new_protocol(self) -> LimitedProtocol:
        """Create the protocol of a connection that this server has not accepted itself."""
        make = cast("Callable[..., LimitedProtocol]", self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _bind(listen: str) -> socket.socket:
    parts = urlsplit(listen)
    if parts.scheme == "unix":
        path = Path(parts.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(str(path))
        path.chmod(0o600)
        return unix
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted connections inherit it
    try:
        tcp.bind((parts.hostname or "127.0.0.1", parts.port or 0))
    except OSError as error:
        tcp.close()
        raise AddressTakenError(f"Cannot listen on {listen}: {error.strerror}.") from error
    return tcp


@asynccontextmanager
async def serving(
    app: ASGIApp, listen: str, limits: ConnectionLimits = _DEFAULT_LIMITS, tls: Tls | None = None
) -> AsyncIterator[str]:
    """Serve `app` while the context lasts, over HTTPS with `tls`; yield the server's URL (port 0 picks a free one).

    Raises `AddressTakenError`, `CertificateError`. On exit (graceful shutdown), running requests have `GRACE_SECONDS` to end; connections whose
    clients do not read are closed earlier.
    """
    async with AsyncExitStack() as stack:
        context = None if tls is None else await stack.enter_async_context(tls.context())
        async with _serving(app, listen, limits, context) as url:
            yield url


@asynccontextmanager
async def _serving(app: ASGIApp, listen: str, limits: ConnectionLimits, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    bound = _bind(listen)
    connections = Connections(limits)
    config = uvicorn.Config(
        app,
        http=cast("Any", partial(LimitedProtocol, connections)),
        ws=LimitedWebSocket,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        backlog=BACKLOG,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound] if context is None else []))
    accepting: asyncio.Task[None] | None = None
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError(f"The server on {listen} ended before it started.")
            await asyncio.sleep(0.005)
        scheme, address = "http" if context is None else "https", bound.getsockname()
        if context is not None:
            accepting = asyncio.create_task(TlsListener(bound, context, connections, server.new_protocol).accept())
        yield listen if urlsplit(listen).scheme == "unix" else "{}://{}:{}".format(scheme, *address[:2])
    finally:
        if accepting is not None:
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)
        connections.stop()
        server.should_exit = True
        await task
        connections.close()
