"""Tests of the client for other services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, Request
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from starlette.types import Receive, Scope, Send

from echo_common.errors import ConflictError, ServiceUnavailableError
from echo_common.http.app import create_app
from echo_common.http.client import AddressError, RemoteError, ServiceClient
from echo_common.http.envelope import Success, ok
from echo_common.http.server import serving
from echo_common.metrics import Metrics
from echo_common.telemetry import request_context


class FullHouseError(ConflictError):
    """There is no room left."""

    code = "HOUSE_CONFLICT"


def house(name: str) -> FastAPI:
    router = APIRouter()

    @router.post("/say")
    async def say(body: dict[str, str], request: Request) -> Success[dict[str, str | None]]:
        headers = request.headers
        return ok(
            {"by": name, **body, "trace": headers.get("traceparent"), "request": headers.get("x-request-id")}, meta={"n": 1}
        )

    @router.get("/full")
    async def full() -> None:
        raise FullHouseError(details={"rooms": 0}, retry_after=7)

    @router.get("/plain")
    async def plain() -> list[int]:
        return [1, 2]

    return create_app(name, [router], metrics=Metrics())


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[ServiceClient]:
    async with serving(house("a"), f"unix://{tmp_path}/a.sock") as url, ServiceClient.open("house", url) as opened:
        yield opened


async def test_envelopes_are_unwrapped(client: ServiceClient):
    assert (await client.request("POST", "/say", json={"word": "héllo"}))["word"] == "héllo"

    response = await client.fetch("POST", "/say", json={})
    assert (response.status, response.meta) == (200, {"n": 1})


async def test_bodies_without_an_envelope_are_returned_unchanged(client: ServiceClient):
    assert await client.request("GET", "/plain") == [1, 2]


async def test_errors_keep_the_message_of_the_service(client: ServiceClient):
    with pytest.raises(RemoteError) as refusal:
        await client.request("GET", "/full")

    error = refusal.value
    assert (error.status, error.code, error.message) == (409, "HOUSE_CONFLICT", "There is no room left.")
    assert (error.details, error.retry_after) == ({"rooms": 0}, 7)


async def test_validation_errors_name_the_field(client: ServiceClient):
    with pytest.raises(RemoteError) as refusal:
        await client.request("POST", "/say", json=["not a mapping"])

    assert (refusal.value.status, refusal.value.code) == (422, "VALIDATION_ERROR")


async def test_trace_and_request_id_are_forwarded(client: ServiceClient):
    tracer = TracerProvider().get_tracer("test")
    request_context.set({"request_id": "req_12345678"})
    with tracer.start_as_current_span("outside") as span:
        heard = await client.request("POST", "/say", json={})

    assert f"{span.get_span_context().trace_id:032x}" in heard["trace"]
    assert heard["request"] == "req_12345678"
    assert trace.get_current_span() is not span


async def test_replicas_are_used_in_turn_and_dead_ones_skipped(tmp_path: Path):
    async with serving(house("a"), "http://127.0.0.1:0") as a:
        async with serving(house("b"), "http://127.0.0.1:0") as b, ServiceClient.open("house", f"{a}, {b}") as client:
            both = [(await client.request("POST", "/say", json={}))["by"] for _ in range(4)]
        assert both == ["a", "b", "a", "b"]

        async with ServiceClient.open("house", f"{a},{b}") as client:
            alive = [(await client.request("POST", "/say", json={}))["by"] for _ in range(4)]
        assert alive == ["a"] * 4


@pytest.mark.parametrize("url", ["unix:///nowhere/x.sock", "http://127.0.0.1:9", "http://127.0.0.1:9,http://127.0.0.1:9"])
async def test_connection_failures_are_unavailable(url: str):
    async with ServiceClient.open("house", url) as client:
        with pytest.raises(ServiceUnavailableError, match="house is not reachable right now") as failure:
            await client.request("GET", "/plain")

    assert failure.value.retry_after is not None


async def test_timeouts_are_unavailable(tmp_path: Path):
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(never, f"unix://{tmp_path}/slow.sock") as url, ServiceClient.open("house", url) as client:
        with pytest.raises(ServiceUnavailableError, match="in time"):
            await client.request("GET", "/", seconds=0.05)


@pytest.mark.parametrize("status", [200, 404, 500, 502])
async def test_invalid_responses_are_unavailable_and_not_exposed(tmp_path: Path, status: int):
    async def mumble(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>driver message</html>"})

    async with serving(mumble, f"unix://{tmp_path}/odd.sock") as url, ServiceClient.open("house", url) as client:
        with pytest.raises(ServiceUnavailableError) as failure:
            await client.request("GET", "/")

    assert "driver message" not in failure.value.message


@pytest.mark.parametrize("url", ["", "house:8000", "ftp://house", "http://", "unix://", "http://a:1,nonsense"])
async def test_invalid_addresses_are_refused_at_once(url: str):
    with pytest.raises(AddressError):
        async with ServiceClient.open("house", url):
            pass


async def test_each_request_tries_every_replica_despite_concurrent_requests() -> None:
    async with ServiceClient.open("house", "http://one:1,http://two:2") as client:
        first, second, third = client.next_replicas(), client.next_replicas(), client.next_replicas()
    assert set(first) == set(second) == {"http://one:1", "http://two:2"}
    assert first == third != second
