"""A synchronous synthesis stops when its client disconnects, unless it has an idempotency key."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from echo_common.auth.principal import Principal
from echo_common.http.app import create_app
from echo_common.metrics import Metrics
from echo_synthesis import api
from echo_synthesis.dependencies import Dependencies
from tests.support.eventually import eventually
from tests.support.forwarding import serving_forwarded
from tests.support.rawhttp import RawClient
from tests.support.synthesis_replica import Replica, principal_of

Serve = Callable[[Dependencies], AbstractAsyncContextManager[str]]
SENTENCES = 20


class Everybody:
    """A verifier that accepts every token."""

    async def verify(self, _: str) -> Principal:
        return principal_of()


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve synthesis behind the gateway's proxy."""

    @asynccontextmanager
    async def served(deps: Dependencies) -> AsyncIterator[str]:
        app = create_app("synthesis", api.ROUTERS, metrics=Metrics())
        app.state.dependencies, app.state.verifier = deps, Everybody()
        async with serving_forwarded(app, tmp_path) as url:
            yield url

    return served


def busy(deps: Dependencies) -> bool:
    health = deps.pool.health()["tone"]
    return bool(health.queued or health.workers_busy)


async def ask_and_leave(url: str, deps: Dependencies, word: str, *headers: str) -> None:
    text = " ".join(f"Sentence {number} of {word} tone-slow-200." for number in range(SENTENCES))
    body = json.dumps({"text": text}).encode()
    lines = ["POST /tts/synthesize HTTP/1.1", "Host: echo", "Authorization: Bearer x", f"Content-Length: {len(body)}", *headers]
    async with RawClient.at(url) as client:
        client.send("\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + body)
        await eventually(lambda: busy(deps))


async def spoken(deps: Dependencies) -> int:
    await deps.cache.wait_for_writes()
    return await deps.cache._entries.count({})


async def test_a_synthesis_stops_when_its_client_disconnects(replica: Replica, serve: Serve) -> None:
    async with replica() as deps, serve(deps) as url:
        await ask_and_leave(url, deps, "alone")
        await eventually(lambda: not busy(deps))
        assert await spoken(deps) < SENTENCES / 2


async def test_a_synthesis_with_an_idempotency_key_completes(replica: Replica, serve: Serve) -> None:
    async with replica() as deps, serve(deps) as url:
        await ask_and_leave(url, deps, "keyed", "Idempotency-Key: come-back")

        async def finished() -> bool:
            return await spoken(deps) == SENTENCES

        await eventually(finished, within=60)
