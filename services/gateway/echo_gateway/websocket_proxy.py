"""WebSocket proxy routes: they authorise the handshake and relay messages in both directions, with backpressure."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from echo_common.errors import EchoError
from echo_common.http.addresses import address_of
from echo_common.http.forward import forwarded_headers, target_of
from echo_common.http.proxy_options import LongRequest
from echo_common.http.websocket_client import open_websocket
from echo_gateway.authentication import valid_token
from echo_gateway.contract import ProxyEndpoint
from echo_gateway.dependencies import Dependencies
from echo_gateway.proxy import ProxyRoute, client_of

_DEFAULT_MESSAGE_BYTES = 64 * 1024
_VERIFY_SECONDS = 2.5
_OUTAGE = 500
_GOING_AWAY, _NO_STATUS, _ABNORMAL, _POLICY, _TOO_BIG, _INTERNAL = 1001, 1005, 1006, 1008, 1009, 1011
_RESERVED = frozenset({_NO_STATUS, _ABNORMAL, 1015})  # never sent in a close frame


@dataclass(frozen=True, slots=True)
class _Close:
    code: int
    reason: str = ""


class WebSocketRoute:
    """An ASGI app that relays the WebSocket connections of one endpoint. Raises `EchoError`s before the handshake is accepted."""

    def __init__(self, endpoint: ProxyEndpoint) -> None:
        self._endpoint = endpoint
        self._route = ProxyRoute(endpoint)
        self._limit = endpoint.options.max_message_bytes or _DEFAULT_MESSAGE_BYTES

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Authorise and relay one connection, until one side closes it or its token is no longer valid."""
        await receive()  # websocket.connect
        principal = self._route.authorize(request)
        deps: Dependencies = request["app"].state.dependencies
        client = client_of(self._endpoint.service, request)
        target = target_of(request, self._endpoint.options.root.encode(), b"")
        with deps.concurrency.counted(LongRequest.SUBSCRIPTION, principal, address_of(request)):
            headers, _ = forwarded_headers(request)
            for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
                headers.popall(name)
            protocols = request.get("subprotocols", ())
            async with open_websocket(
                client, target, headers=headers, protocols=protocols, max_message_bytes=self._limit
            ) as service:
                await send({"type": "websocket.accept", "subprotocol": service.protocol})
                await self._relay(service, request, receive, send)

    async def _relay(self, service: aiohttp.ClientWebSocketResponse, request: Request, receive: Receive, send: Send) -> None:
        tasks = [
            asyncio.create_task(_to_service(service, receive, self._limit)),
            asyncio.create_task(_to_client(service, send)),
            asyncio.create_task(_until_invalid(request)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        closes = [task.result() for task in done if task.exception() is None]
        close = next(iter(closes), _Close(_INTERNAL, "The connection to the service broke off."))
        if close is not None:
            with suppress(OSError):  # the client may have gone
                await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
            await service.close(code=close.code)


async def _to_service(service: aiohttp.ClientWebSocketResponse, receive: Receive, limit: int) -> _Close | None:
    """Send the client's messages to the service; return None when the client has gone."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code", _NO_STATUS)
            await service.close(code=_GOING_AWAY if code in _RESERVED else code)
            return None
        data: bytes = message["bytes"] if message.get("bytes") is not None else message["text"].encode()
        if len(data) > limit:
            return _Close(_TOO_BIG, f"A message may have at most {limit} bytes.")
        await service.send_frame(data, aiohttp.WSMsgType.BINARY if message.get("bytes") is not None else aiohttp.WSMsgType.TEXT)


async def _to_client(service: aiohttp.ClientWebSocketResponse, send: Send) -> _Close:
    """Send the service's messages to the client until the service closes."""
    while True:
        message = await service.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
        elif message.type is aiohttp.WSMsgType.CLOSE:
            code = message.data or 1000
            return _Close(1000 if code in _RESERVED else code, message.extra or "")
        else:
            return _Close(_INTERNAL, "The connection to the service broke off.")


async def _until_invalid(request: Request) -> _Close:
    """Wait until the connection's token is revoked or expires; for ever if it has none. An outage of auth changes nothing."""
    while True:
        await asyncio.sleep(_VERIFY_SECONDS)
        try:
            await valid_token(request)
        except EchoError as error:
            if error.status < _OUTAGE:
                return _Close(_POLICY, error.message[:100])
