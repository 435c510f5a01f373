"""Client side of WebSocket connections to other services."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from echo_common.http.client import CONNECT_SECONDS, ServiceClient, always_repeatable, open_session

_HANDSHAKE_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_HEARTBEAT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Handshake:
    """The result of a handshake: a connection, or the response that refuses it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    socket: aiohttp.ClientWebSocketResponse | None = None

    def close(self) -> None:
        """Do nothing: a refused handshake has closed its connection."""


class _HandshakeRefusedError(Exception):
    def __init__(self, handshake: _Handshake) -> None:
        super().__init__(handshake.status)
        self.handshake = handshake


@asynccontextmanager
async def open_websocket(
    client: ServiceClient, target: str, *, headers: Mapping[str, str], protocols: Iterable[str], max_message_bytes: int
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a WebSocket connection to a service while the context lasts. `target` is path and query, percent-encoded.

    Raises `RemoteError` when the service refuses the handshake, and `ServiceUnavailableError` as `ServiceClient.send` does.
    """
    # A session of its own has the middleware, which costs other requests nothing.
    async with open_session(client.session.connector, connector_owner=False, middlewares=(_raise_refusal,)) as session:

        async def connect(url: URL) -> _Handshake:
            try:
                async with asyncio.timeout(CONNECT_SECONDS + _HANDSHAKE_SECONDS):
                    socket = await session.ws_connect(
                        url,
                        headers=headers,
                        protocols=protocols,
                        max_msg_size=max_message_bytes + 1,  # aiohttp refuses messages of this size
                        heartbeat=_HEARTBEAT_SECONDS,
                        timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                    )
            except _HandshakeRefusedError as refusal:
                return refusal.handshake
            return _Handshake(101, {}, socket=socket)

        handshake = await client.send(target, connect, repeatable=always_repeatable, idempotent=True)
        if handshake.socket is None:
            raise client.refusal(handshake.status, handshake.headers, handshake.body)
        async with handshake.socket as socket:
            yield socket


async def _raise_refusal(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Raise `_HandshakeRefusedError` with the response's body, which aiohttp's own error lacks."""
    response = await handler(request)
    if response.status == 101:
        return response
    try:
        raise _HandshakeRefusedError(_Handshake(response.status, response.headers, await response.read()))
    finally:
        response.close()
