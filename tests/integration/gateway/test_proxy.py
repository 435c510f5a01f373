"""Tests of the proxy: requests and responses pass unchanged and streamed, and disconnections are detected."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from echo_common.http.server import serving
from echo_common.http.startup import StartupGate
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream

SPEAK = "/api/v1/tts/synthesize"
STREAM = "/api/v1/tts/synthesize/stream"
AUDIO = "/api/v1/files/audio/aud_1"


async def test_requests_reach_the_service_unchanged(gateway: Gateway, synthesis: Upstream) -> None:
    body = '{"text": "Größe",   "unknown": [1]}'
    async with gateway.ask("POST", SPEAK, data=body.encode()) as response:
        assert (await response.json())["data"] == {"target": "/tts/synthesize", "body": body}
    assert synthesis.asked[0].method == "POST"
    assert synthesis.asked[0].header("content-length") == str(len(body.encode()))


async def test_path_and_query_are_forwarded_unchanged(gateway: Gateway, synthesis: Upstream) -> None:
    url = URL(gateway.url + "/api/v1/voices/a%20b%2Bc?x=1&x=%2F&y=%C3%A4", encoded=True)
    async with gateway.session.get(url, headers=gateway.bearer()) as response:
        assert response.status == 200
    async with gateway.ask("GET", "/api/v1/jobs/job_1?include_text=true") as response:
        assert response.status == 200
    assert [asked.target for asked in synthesis.asked] == [
        "/voices/a%20b%2Bc?x=1&x=%2F&y=%C3%A4",
        "/jobs/job_1?include_text=true",
    ]


async def test_an_encoded_slash_cannot_select_another_host(start: Start) -> None:
    service, other = Upstream(), Upstream()
    async with (
        service.serving("http://127.0.0.1:0") as url,
        other.serving("http://127.0.0.1:0") as elsewhere,
        start(synthesis_url=url) as gateway,
    ):
        host = elsewhere.removeprefix("http://")
        addresses = (
            (f"/api/v1%2Ffiles%2Faudio%2F@{host}?signature=x", [404, 404]),
            ("/api/v1%2Fvoices", [401, 404]),
            (f"/%61pi/v1/voices/@{host}", [401, 404]),
        )
        for path, expected in addresses:
            address, found = URL(gateway.url + path, encoded=True), []
            for headers in ({}, gateway.bearer()):
                async with gateway.session.get(address, headers=headers) as response:
                    found.append(response.status)
            assert found == expected, path
    assert not service.asked
    assert not other.asked


async def test_clients_cannot_set_forwarding_headers(gateway: Gateway, synthesis: Upstream) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = gateway.bearer() | {
        "X-Forwarded-Host": "evil",
        "X-Request-ID": "req_mine_1234",
        "Connection": "keep-alive, X-Private",
        "X-Private": "1",
        "traceparent": trace,
        "If-None-Match": '"tag"',
    }
    async with gateway.ask("GET", AUDIO, headers=headers) as response:
        assert response.headers["X-Request-ID"] == "req_mine_1234"
    asked = synthesis.asked[0]
    assert asked.header("x-request-id") == "req_mine_1234"
    assert asked.header("x-forwarded-for") == "127.0.0.1"
    assert asked.header("authorization") == headers["Authorization"]
    assert asked.header("if-none-match") == '"tag"'
    assert (asked.header("traceparent") or "").split("-")[1] == trace.split("-")[1]
    assert asked.header("x-forwarded-host") is None
    assert asked.header("x-private") is None


async def test_responses_are_streamed(gateway: Gateway, synthesis: Upstream) -> None:
    heard = asyncio.Event()

    async def in_two_pieces(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.start(content_type="audio/wav")
        await exchange.write(b"first")
        await heard.wait()
        await exchange.write(b"second", more=False)

    synthesis.answer = in_two_pieces
    async with gateway.ask("POST", STREAM, data=b"{}") as response:
        assert await response.content.readany() == b"first"
        heard.set()
        assert await response.content.read() == b"second"


async def test_request_bodies_are_streamed(gateway: Gateway, synthesis: Upstream) -> None:
    arrived = asyncio.Event()

    async def read_slowly(exchange: Exchange) -> None:
        while b"first" not in exchange.asked.body:
            exchange.asked.body += (await exchange.receive())["body"]
        arrived.set()
        await exchange.json((await exchange.read()).decode())

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await arrived.wait()
        yield b"second"

    synthesis.answer = read_slowly
    async with gateway.ask("POST", SPEAK, data=body()) as response:
        assert (await response.json())["data"] == "firstsecond"


async def test_compressed_responses_stay_compressed(gateway: Gateway, synthesis: Upstream) -> None:
    packed = gzip.compress(b"sound")

    async def compressed(exchange: Exchange) -> None:
        await exchange.start(content_encoding="gzip", content_length=str(len(packed)), content_type="audio/wav")
        await exchange.write(packed, more=False)

    synthesis.answer = compressed
    async with gateway.ask("GET", AUDIO) as response:
        assert await response.read() == packed
        assert response.headers["Content-Encoding"] == "gzip"


async def test_ranges_keep_their_length_and_offset(gateway: Gateway, synthesis: Upstream) -> None:
    async def part(exchange: Exchange) -> None:
        assert exchange.asked.header("range") == "bytes=2-4"
        await exchange.start(206, content_range="bytes 2-4/10", content_length="3", etag='"e"', content_type="audio/wav")
        await exchange.write(b"cde", more=False)

    synthesis.answer = part
    async with gateway.ask("GET", AUDIO, headers=gateway.bearer() | {"Range": "bytes=2-4"}) as response:
        assert (response.status, await response.read()) == (206, b"cde")
        assert response.headers["Content-Length"] == "3"
        assert response.headers["Content-Range"] == "bytes 2-4/10"
        assert response.headers["ETag"] == '"e"'


async def test_head_and_not_modified_have_no_body(gateway: Gateway, synthesis: Upstream) -> None:
    async def described(exchange: Exchange) -> None:
        status = 200 if exchange.asked.method == "HEAD" else 304
        await exchange.start(status, etag='"e"', **({"content_length": "1000"} if status == 200 else {}))
        await exchange.write(b"", more=False)

    synthesis.answer = described
    async with gateway.ask("HEAD", AUDIO) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "1000")
    async with gateway.ask("GET", AUDIO) as response:
        assert (response.status, await response.read()) == (304, b"")


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"content_length": "100000"}])
async def test_broken_responses_never_end_cleanly(gateway: Gateway, synthesis: Upstream, headers: dict[str, str]) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.start(200, **{"content_type": "audio/wav"} | headers)
        await exchange.write(b"some")
        raise ConnectionError("the engine is gone")

    synthesis.answer = broken
    async with gateway.ask("GET", AUDIO) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_client_that_disconnects_during_the_response_stops_the_service(gateway: Gateway, synthesis: Upstream) -> None:
    async def speak_on(exchange: Exchange) -> None:
        await exchange.start(content_type="audio/wav")
        await exchange.write(b"some")
        await synthesis.until_abandoned(exchange)

    synthesis.answer = speak_on
    async with gateway.ask("GET", AUDIO) as response:
        await response.content.readany()
        response.close()
    await asyncio.wait_for(synthesis.abandoned.wait(), 5)


async def test_a_client_that_disconnects_before_the_response_stops_the_service(gateway: Gateway, synthesis: Upstream) -> None:
    begun = asyncio.Event()

    async def think(exchange: Exchange) -> None:
        await exchange.read()
        begun.set()
        await synthesis.until_abandoned(exchange)

    synthesis.answer = think
    asking = asyncio.create_task(gateway.session.post(gateway.url + SPEAK, data=b"{}", headers=gateway.bearer()))
    await begun.wait()
    asking.cancel()
    await asyncio.wait_for(synthesis.abandoned.wait(), 5)
    await eventually(lambda: _served(gateway, "499"))


async def test_a_client_that_disconnects_while_sending_stops_the_service(gateway: Gateway, synthesis: Upstream) -> None:
    begun, abandoned = asyncio.Event(), asyncio.Event()

    async def listen(exchange: Exchange) -> None:
        begun.set()
        try:
            await exchange.read()
        except ConnectionResetError:
            abandoned.set()

    async def endless() -> AsyncIterator[bytes]:
        yield b"some"
        await asyncio.Event().wait()

    synthesis.answer = listen
    asking = asyncio.create_task(gateway.session.post(gateway.url + SPEAK, data=endless(), headers=gateway.bearer()))
    await begun.wait()
    asking.cancel()
    await asyncio.wait_for(abandoned.wait(), 5)


@pytest.mark.slow
async def test_five_hundred_disconnected_clients_leave_no_resources(gateway: Gateway, synthesis: Upstream) -> None:
    async def speak_on(exchange: Exchange) -> None:
        await exchange.start(content_type="audio/wav")
        await exchange.write(b"some")
        await synthesis.until_abandoned(exchange)

    async def listen_and_leave(user: int) -> None:
        async with gateway.ask("GET", AUDIO, headers=gateway.bearer(sub=f"usr_{user}")) as response:
            await response.content.readany()
            response.close()

    synthesis.answer = speak_on
    before = len(asyncio.all_tasks())
    for batch in range(10):
        await asyncio.gather(*(listen_and_leave(batch * 50 + number) for number in range(50)))
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 2)


async def test_unreachable_services_are_unavailable(start: Start) -> None:
    async with (
        start(synthesis_url=f"http://127.0.0.1:{_free_port()}") as gateway,
        gateway.ask("GET", "/api/v1/voices") as response,
    ):
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"
        assert (await response.json())["error"]["code"] == "SERVICE_UNAVAILABLE"


async def test_dead_replicas_are_skipped_and_no_request_is_sent_twice(start: Start, synthesis: Upstream) -> None:
    async with (
        synthesis.serving() as living,
        start(synthesis_url=f"http://127.0.0.1:{_free_port()},{living}") as gateway,
    ):
        for number in range(4):
            async with gateway.ask("POST", SPEAK, data=b"%d" % number) as response:
                assert response.status == 200
    assert [asked.body for asked in synthesis.asked] == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_starting_replicas_are_skipped(method: str, start: Start, synthesis: Upstream) -> None:
    async with (
        synthesis.serving() as living,
        serving(StartupGate("synthesis"), "http://127.0.0.1:0") as starting,
        start(synthesis_url=f"{starting},{living}") as gateway,
    ):
        for number in range(4):
            body = b"%d" % number if method == "POST" else None
            async with gateway.ask(method, SPEAK if body else "/api/v1/voices", data=body) as response:
                assert response.status == 200
    assert [asked.body for asked in synthesis.asked] == ([b"0", b"1", b"2", b"3"] if method == "POST" else [b""] * 4)


async def test_the_refusal_is_forwarded_when_every_replica_is_starting(start: Start) -> None:
    async with (
        serving(StartupGate("synthesis"), "http://127.0.0.1:0") as one,
        serving(StartupGate("synthesis"), "http://127.0.0.1:0") as other,
        start(synthesis_url=f"{one},{other}") as gateway,
        gateway.ask("POST", SPEAK, data=b"{}") as response,
    ):
        assert (response.status, response.headers["Retry-After"]) == (503, "2")
        assert (await response.json())["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert "x-echo-starting" not in response.headers


async def test_refusals_of_starting_services_are_plain_on_the_paths_of_the_echo_api(start: Start) -> None:
    refused = {"error": "The service is starting."}
    async with serving(StartupGate("voice"), "http://127.0.0.1:0") as starting, start(voice_url=starting) as other:
        async with other.ask("GET", "/api/voice-models") as response:
            assert (response.status, response.headers["Retry-After"], await response.json()) == (503, "2", refused)
        async with other.session.get(f"{starting}/api/voice-models") as response:
            assert (response.status, response.headers["Retry-After"], await response.json()) == (503, "2", refused)


async def test_received_requests_are_not_sent_again(gateway: Gateway, synthesis: Upstream) -> None:
    async def hang_up(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.send({"type": "http.response.start", "status": 200, "headers": [(b"bad name", b"")]})

    synthesis.answer = hang_up
    async with gateway.ask("POST", SPEAK, data=b"{}") as response:
        assert response.status == 503
    assert len(synthesis.asked) == 1


async def test_bodies_beyond_the_limit_are_refused(gateway: Gateway, synthesis: Upstream) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async def listen(exchange: Exchange) -> None:
        await exchange.read()

    synthesis.answer = listen
    async with gateway.ask("POST", SPEAK, data=endless()) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "BODY_TOO_LARGE"


@pytest.mark.slow
async def test_slow_clients_apply_backpressure(gateway: Gateway, synthesis: Upstream) -> None:
    sent = 0

    async def pour(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.start(content_type="audio/wav")
        for _ in range(1000):
            await exchange.write(b"x" * 65536)
            sent += 65536
        await exchange.write(b"", more=False)

    synthesis.answer = pour
    async with gateway.ask("GET", AUDIO) as response:
        await response.content.readany()
        settled = -1
        while settled != sent:  # until nothing moves any more
            settled = sent
            await asyncio.sleep(0.3)
        assert sent < 16 * 1024 * 1024
        assert len(await response.read()) > 60 * 1024 * 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _served(gateway: Gateway, status: str) -> bool:
    return f'status="{status}"' in (await gateway.operate("/metrics")).decode()
