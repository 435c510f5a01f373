"""Tests of the limit on concurrent long requests per user."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.integration.gateway.conftest import Gateway, Start
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream

STREAM = "/api/v1/tts/synthesize/stream"
JOB = {"status": "processing", "units_done": 0, "units_total": 3}
ROUTES = {
    "open_streams": ("POST", STREAM),
    "open_syntheses": ("POST", "/api/v1/tts/synthesize"),
    "open_subscriptions": ("GET", "/api/v1/jobs/job_1/progress"),
}


@pytest.fixture
def begun(synthesis: Upstream) -> Callable[[], int]:
    """Endless streams and syntheses; returns the number of started ones."""
    count = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal count
        if exchange.asked.target.startswith("/job/"):
            await exchange.json(JOB)
            return
        count += 1
        await exchange.read()
        await exchange.start(content_type="audio/wav")
        await exchange.write(b"some")
        await synthesis.until_abandoned(exchange)

    synthesis.answer = endless
    return lambda: count


async def opened(gateway: Gateway, stack: AsyncExitStack, method: str, path: str, **claims: str) -> aiohttp.ClientResponse:
    response: aiohttp.ClientResponse = await stack.enter_async_context(
        gateway.ask(method, path, headers=gateway.bearer(**claims), data=b"{}" if method == "POST" else None)
    )
    return response


@pytest.mark.parametrize("setting", ROUTES)
async def test_open_requests_are_limited_per_user(setting: str, start: Start, begun: Callable[[], int]) -> None:
    method, path = ROUTES[setting]
    async with start(**{setting: 2}) as gateway, AsyncExitStack() as stack:
        first, _ = [await opened(gateway, stack, method, path, sub="usr_a") for _ in range(2)]
        refused = await opened(gateway, stack, method, path, sub="usr_a")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        error = (await refused.json())["error"]
        assert (error["code"], error["details"]["limit"]) == ("TOO_MANY_OPEN_REQUESTS", 2)
        assert (await opened(gateway, stack, method, path, sub="usr_b")).status == 200
        async with gateway.ask("GET", "/api/v1/jobs/job_1", headers=gateway.bearer(sub="usr_a")) as response:
            assert response.status == 200

        first.close()  # a client that leaves gives its place back

        async def admitted() -> bool:
            response = await opened(gateway, stack, method, path, sub="usr_a")
            return response.status == 200

        await eventually(admitted)


async def test_guests_and_tickets_count_by_address(start: Start, begun: Callable[[], int]) -> None:
    async with start(open_streams=2) as gateway, AsyncExitStack() as stack:
        assert (await opened(gateway, stack, "POST", STREAM, sub="usr_g", plan="guest")).status == 200
        assert (await opened(gateway, stack, "POST", STREAM, sub="usr_h", plan="guest")).status == 200
        assert (await opened(gateway, stack, "POST", STREAM, sub="usr_i", plan="guest")).status == 429
        async with gateway.session.get(f"{gateway.url}{STREAM}?ticket=t&text=x") as response:
            assert response.status == 429
        assert (await opened(gateway, stack, "POST", STREAM, sub="usr_j")).status == 200


@pytest.mark.slow
async def test_every_end_of_a_request_releases_its_place(start: Start, synthesis: Upstream) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.start(content_type="audio/wav")
        await exchange.write(b"some")
        raise ConnectionError("the engine is gone")

    async with start(open_streams=1) as gateway:
        async with gateway.ask("POST", STREAM, data=b"{}") as response:
            assert response.status == 200
        synthesis.answer = broken
        for _ in range(2):
            async with gateway.ask("POST", STREAM, data=b"{}") as response:
                assert response.status == 200
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.read()
            await eventually(lambda: not len(gateway.deps.concurrency))
