"""WebSocket connections through the gateway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from echo_common.auth.principal import Scope
from echo_common.errors import RateLimitedError, ServiceUnavailableError
from echo_common.http.app import create_app
from echo_common.http.contract import contract_of
from echo_common.http.endpoints import PublicRouter
from echo_common.http.server import serving
from echo_common.http.startup import StartupGate
from echo_common.metrics import Metrics
from tests.integration.gateway.conftest import EVERYTHING, Gateway, Start
from tests.support.eventually import eventually

PATH = "/api/v1/rooms/room_1/live"
MESSAGE_BYTES = 10_000
Behaviour = Callable[[WebSocket], Awaitable[None]]


class Room:
    """A service with a WebSocket endpoint that behaves as its test says; by default it echoes."""

    def __init__(self) -> None:
        self.behave: Behaviour = self.echo
        self.headers: list[dict[str, str]] = []
        self.queries: list[str] = []
        self.closed_with: list[int] = []
        self.router = PublicRouter("rooms")

        @self.router.websocket_endpoint("/rooms/{room_id}/live", max_message_bytes=MESSAGE_BYTES, scopes=(Scope.SPEECH_READ,))
        async def join_room(websocket: WebSocket) -> None:
            """Join a room."""
            self.headers.append(dict(websocket.headers))
            self.queries.append(websocket.url.query)
            try:
                await self.behave(websocket)
            except WebSocketDisconnect as gone:
                self.closed_with.append(gone.code)

    @staticmethod
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def gateway(start: Start, room: Room, tmp_path: Path) -> AsyncIterator[Gateway]:
    app = create_app("synthesis", [room.router], metrics=Metrics())
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with (
        serving(app, f"unix://{tmp_path}/room.sock") as url,
        start(contracts=contracts, synthesis_url=url, open_subscriptions=2) as started,
    ):
        yield started


def join(gateway: Gateway, path: str = PATH, *, token: bool = True, **more: Any) -> Any:
    headers = gateway.bearer() if token else {}
    return gateway.session.ws_connect(gateway.url + path, headers=headers, **more)


async def refused(gateway: Gateway, path: str = PATH, **more: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await join(gateway, path, **more)
    return error.value.status


async def test_messages_pass_in_both_directions(gateway: Gateway, room: Room) -> None:
    async with join(gateway, protocols=["echo.v1"]) as socket:
        assert socket.protocol == "echo.v1"
        await socket.send_str("päßt")
        assert await socket.receive_str() == "päßt"
        await socket.send_bytes(b"\0\xff")
        assert await socket.receive_bytes() == b"\0\xff"
    await eventually(lambda: room.closed_with == [1000])
    assert "x-request-id" in room.headers[0]


async def test_a_token_is_required(gateway: Gateway, room: Room) -> None:
    assert await refused(gateway, token=False) == 401
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await gateway.session.ws_connect(gateway.url + PATH, headers=gateway.bearer(scope="voices:read"))
    assert error.value.status == 403
    assert not room.headers


async def test_a_ticket_replaces_the_token_and_is_left_to_the_service(gateway: Gateway, room: Room) -> None:
    async with join(gateway, PATH + "?ticket=t1", token=False) as socket:
        await socket.send_str("a")
        assert await socket.receive_str() == "a"
    assert room.queries == ["ticket=t1"]


async def test_a_handshake_that_the_service_refuses_is_refused(gateway: Gateway, room: Room) -> None:
    async def refuse(websocket: WebSocket) -> None:
        await websocket.close()

    room.behave = refuse
    assert await refused(gateway, PATH + "?ticket=used", token=False) == 403


async def test_a_refusal_by_the_service_is_passed_on(gateway: Gateway, room: Room) -> None:
    async def refuse(websocket: WebSocket) -> None:
        raise RateLimitedError("The room is full.", retry_after=7)

    room.behave = refuse
    headers = gateway.bearer() | {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with gateway.session.get(gateway.url + PATH, headers=headers) as refusal:
        assert (refusal.status, refusal.headers["Retry-After"]) == (429, "7")
        assert (await refusal.json())["error"] == {"code": "RATE_LIMITED", "message": "The room is full."}


async def test_unknown_paths_are_not_found(gateway: Gateway) -> None:
    assert await refused(gateway, "/api/v1/rooms") == 404
    assert await refused(gateway, "/api/v1/voices") == 404


async def test_a_message_over_the_limit_closes_both_sides(gateway: Gateway, room: Room) -> None:
    async with join(gateway) as socket:
        await socket.send_bytes(b"x" * MESSAGE_BYTES)
        assert len(await socket.receive_bytes()) == MESSAGE_BYTES
        await socket.send_bytes(b"x" * (MESSAGE_BYTES + 1))
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)
    await eventually(lambda: room.closed_with == [1009])


async def test_a_message_over_the_servers_limit_closes_the_connection(gateway: Gateway, room: Room) -> None:
    async with join(gateway) as socket:
        await socket.send_bytes(b"x" * (2 * 1024 * 1024))
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)
    await eventually(lambda: len(room.closed_with) == 1)


async def test_the_services_close_reaches_the_client(gateway: Gateway, room: Room) -> None:
    async def leave(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4001, "The room is closed.")

    room.behave = leave
    async with join(gateway) as socket:
        message = await socket.receive()
        assert (message.data, message.extra) == (4001, "The room is closed.")


async def test_a_service_that_breaks_off_closes_with_an_error(gateway: Gateway, room: Room) -> None:
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ServiceUnavailableError

    room.behave = fail
    async with join(gateway) as socket:
        assert (await socket.receive()).data == 1011


async def test_a_client_that_vanishes_closes_the_service(gateway: Gateway, room: Room) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(gateway.url + PATH, headers=gateway.bearer())
        socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await eventually(lambda: len(room.closed_with) == 1)


async def test_a_client_that_leaves_is_not_logged_as_a_failure(
    gateway: Gateway, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        async with join(gateway):
            pass
    await eventually(lambda: len(room.closed_with) == 3 and len(gateway.deps.concurrency) == 0)
    assert "request_failed" not in capsys.readouterr().out


async def test_a_client_that_does_not_read_stops_the_service(gateway: Gateway, room: Room) -> None:
    sent = 0

    async def flood(websocket: WebSocket) -> None:
        nonlocal sent
        await websocket.accept()
        while True:
            await websocket.send_bytes(b"x" * MESSAGE_BYTES)
            sent += MESSAGE_BYTES

    room.behave = flood
    async with join(gateway) as socket:
        socket._reader._protocol.pause_reading()
        seen = -1
        while seen != sent:
            seen = sent
            await asyncio.sleep(0.3)
        assert 0 < sent < 8_000_000
        socket._reader._protocol.resume_reading()
        await socket.receive_bytes()
        await eventually(lambda: sent > seen)


async def test_open_connections_are_limited_by_user_and_released(gateway: Gateway) -> None:
    async with join(gateway), join(gateway):
        assert await refused(gateway) == 429
    await eventually(lambda: len(gateway.deps.concurrency) == 0)
    async with join(gateway) as socket:
        await socket.send_str("a")
        assert await socket.receive_str() == "a"


async def test_handshakes_count_towards_the_rate_limit(start: Start, room: Room, tmp_path: Path) -> None:
    app = create_app("synthesis", [room.router], metrics=Metrics())
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with (
        serving(app, f"unix://{tmp_path}/limited.sock") as url,
        start(contracts=contracts, synthesis_url=url, limit_user=1) as limited,
    ):
        async with join(limited):
            pass
        assert await refused(limited) == 429


async def test_trusted_proxies_set_the_client_address(start: Start, room: Room, tmp_path: Path) -> None:
    app = create_app("synthesis", [room.router], metrics=Metrics())
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with (
        serving(app, f"unix://{tmp_path}/proxied.sock") as url,
        start(contracts=contracts, synthesis_url=url, limit_anonymous=1, trusted_proxies="127.0.0.1") as proxied,
    ):
        for address in ("203.0.113.1", "203.0.113.2"):
            headers = {"X-Forwarded-For": address}
            async with proxied.session.ws_connect(proxied.url + PATH + "?ticket=t1", headers=headers):
                assert room.headers[-1]["x-forwarded-for"] == address


async def test_a_revoked_token_closes_the_connection(gateway: Gateway) -> None:
    async with join(gateway) as socket:
        gateway.issuer.revoked_sessions.append("ses_1")
        async with asyncio.timeout(15):
            message = await socket.receive()
        assert message.data == 1008


async def test_a_connection_outlives_the_token_of_its_api_key_but_not_the_key(gateway: Gateway) -> None:
    key, issuer = "echo_a-key-of-the-test", gateway.issuer
    issuer.api_keys[key] = {"sub": "usr_1", "sid": "key_1", "scope": EVERYTHING}
    async with gateway.session.ws_connect(gateway.url + PATH, headers={"X-API-Key": key}) as socket:
        issuer.api_keys[key]["sid"] = "key_2"
        issuer.revoked_sessions.append("key_1")  # as with a token that has expired
        await eventually(lambda: len(issuer.exchanges) == 2)
        await socket.send_str("still here")
        assert await socket.receive_str() == "still here"

        del issuer.api_keys[key]
        issuer.revoked_sessions.append("key_2")
        async with asyncio.timeout(15):
            assert (await socket.receive()).data == 1008


async def test_without_the_service_the_handshake_is_refused(start: Start, room: Room, tmp_path: Path) -> None:
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with start(contracts=contracts, synthesis_url=f"unix://{tmp_path}/nothing.sock") as alone:
        assert await refused(alone) == 503


async def test_starting_replicas_are_skipped(start: Start, room: Room, tmp_path: Path) -> None:
    app = create_app("synthesis", [room.router], metrics=Metrics())
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with (
        serving(StartupGate("synthesis"), "http://127.0.0.1:0") as starting,
        serving(app, "http://127.0.0.1:0") as living,
        start(contracts=contracts, synthesis_url=f"{starting},{living}") as gateway,
        start(contracts=contracts, synthesis_url=starting) as alone,
    ):
        for _ in range(2):
            async with join(gateway) as socket:
                await socket.send_str("a")
                assert await socket.receive_str() == "a"
        assert await refused(alone) == 503


async def test_closed_and_refused_connections_make_room(start: Start, room: Room, tmp_path: Path) -> None:
    app = create_app("synthesis", [room.router], metrics=Metrics())
    contracts = {"synthesis": contract_of("synthesis", [room.router])}
    async with (
        serving(app, f"unix://{tmp_path}/crowded.sock") as url,
        start(contracts=contracts, synthesis_url=url, connections=2) as crowded,
    ):
        for _ in range(4):
            async with join(crowded) as socket:
                await socket.send_str("a")
                assert await socket.receive_str() == "a"
            assert await refused(crowded, token=False) == 401


async def test_a_websocket_handshake_at_an_http_endpoint_is_not_found(gateway: Gateway) -> None:
    for path in ("/healthz", "/api/v1/auth/login"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await gateway.session.ws_connect(gateway.url + path)
        assert error.value.status == 404, path


async def test_websockets_accept_api_keys(gateway: Gateway, room: Room) -> None:
    gateway.issuer.api_keys["echo_key"] = {"sid": "key_1", "scope": "speech:read"}
    for headers in ({"X-API-Key": "echo_key"}, {"Authorization": "Bearer echo_key"}):
        async with gateway.session.ws_connect(gateway.url + PATH, headers=headers) as socket:
            await socket.send_str("Hello")
            assert await socket.receive_str() == "Hello"
        assert "echo_key" not in str(room.headers[-1])
        assert room.headers[-1]["authorization"].startswith("Bearer eyJ")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await gateway.session.ws_connect(gateway.url + PATH, headers={"X-API-Key": "echo_wrong"})
    assert refused.value.status == 401
