"""Unread streams use few resources and continue when they are read."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.values import AudioFormat
from echo_synthesis.api.speech import _stream
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases.speech import request_of
from tests.support.eventually import eventually
from tests.support.forwarding import serving_forwarded
from tests.support.rawhttp import RawClient
from tests.support.synthesis_replica import Replica, principal_of

UNREAD = 6
MEGABYTE = 1_000_000
TEXT = " ".join(
    f"Sentence number {number} of a long story that is told to nobody at all, however often and however patiently it is begun again from the start."
    for number in range(100, 130)
)
LONG_SEGMENTS = " ".join(TEXT.replace(".", ",").split()[:160])
USUAL = SpeechConfig(output_format=AudioFormat.PCM, sample_rate=24_000)
SLOW = SpeechConfig(output_format=AudioFormat.PCM, sample_rate=48_000, speed=0.25)
Serve = Callable[[Dependencies], AbstractAsyncContextManager[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve the streams of synthesis behind the gateway's proxy."""

    @asynccontextmanager
    async def served(deps: Dependencies) -> AsyncIterator[str]:
        async def service(scope: Scope, receive: Receive, send: Send) -> None:
            title = scope["path"][1:]
            text, config = (LONG_SEGMENTS, SLOW) if title.startswith("slow") else (TEXT, USUAL)
            request = request_of(f"{title} here. {text}", None, None, config)
            await (await _stream(request, principal_of(), deps, "*/*"))(scope, receive, send)

        async with serving_forwarded(service, tmp_path) as url:
            yield url

    return served


@pytest.fixture
def allocated() -> Iterator[Callable[[], int]]:
    """Return the bytes allocated since the start of the test."""
    tracemalloc.start()

    def measure() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield measure
    tracemalloc.stop()


def idle(deps: Dependencies) -> bool:
    health = deps.pool.health()["tone"]
    return not health.queued and not health.workers_busy


class Rest:
    """Condition that the engine has been idle for a while."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._seen = 0

    def __call__(self) -> bool:
        self._seen = self._seen + 1 if idle(self._deps) else 0
        return self._seen > 100


async def heard(client: RawClient, path: str) -> bytes:
    client.get(path)
    await client.reader.readuntil(b"\r\n\r\n")
    return await drained(client.reader)


async def drained(reader: asyncio.StreamReader) -> bytes:
    """Return the rest of a chunked body."""
    body = b""
    async with asyncio.timeout(60):
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
    return body


@pytest.mark.parametrize("title", ["story", "slow"])
async def test_unread_streams_use_little_memory_stop_the_engine_and_continue(
    replica: Replica, serve: Serve, allocated: Callable[[], int], title: str
) -> None:
    async with replica(workers=2) as deps, serve(deps) as url, AsyncExitStack() as stack:
        async with RawClient.at(url) as warm:
            await heard(warm, f"/{title}")
        await deps.cache.wait_for_writes()
        before = allocated()
        clients = [await stack.enter_async_context(RawClient.at(url)) for _ in range(UNREAD)]
        for number, client in enumerate(clients):
            client.get(f"/{title}{number}")
            await client.reader.readuntil(b"\r\n\r\n")  # then no more
        await eventually(Rest(deps), within=60)
        await eventually(lambda: (allocated() - before) / UNREAD < MEGABYTE)
        assert idle(deps)
        resumed = await drained(clients[0].reader)
        async with RawClient.at(url) as other:
            assert resumed == await heard(other, f"/{title}0")
