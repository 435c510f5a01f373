"""Security headers of every response, and origins of other sites."""

from typing import Any

import pytest

from echo_common.http.request_telemetry import SECURITY_HEADERS
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.upstream import Exchange, Upstream

VOICES = "/api/v1/voices"
HEADERS = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
STUDIO = "https://studio.example.com"


def security_headers(headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in HEADERS if name in headers}


@pytest.mark.parametrize("status", [200, 304, 404, 422, 500, 503])
async def test_responses_of_services_have_them(gateway: Gateway, synthesis: Upstream, status: int) -> None:
    async def answer(exchange: Exchange) -> None:
        body = b"" if status == 304 else b"{}"
        await exchange.start(status, **({"content_length": "2"} if body else {}))
        await exchange.write(body, more=False)

    synthesis.answer = answer
    async with gateway.ask("GET", VOICES) as response:
        assert response.status == status
        assert security_headers(response.headers) == HEADERS


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/v1/nothing", {}, 404),
        ("DELETE", VOICES, {}, 405),
        ("POST", "/api/v1/job", {}, 401),
        ("GET", "/docs/nothing", {}, 422),
        ("GET", "/%", {}, 404),
    ],
)
async def test_refusals_of_the_gateway_have_them(
    gateway: Gateway, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with gateway.ask(method, path, headers=headers) as response:
        assert response.status == status
        assert security_headers(response.headers) == HEADERS


async def test_internal_errors_have_them_and_disclose_nothing(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret of the implementation")

    monkeypatch.setattr(type(gateway.deps.rate_limiter), "usage", fail)
    async with gateway.ask("GET", "/api/v1/users/me/usage") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (500, "INTERNAL_ERROR")
        assert security_headers(response.headers) == HEADERS
        assert "secret" not in await response.text()


async def test_responses_to_listed_origins_have_them_too(start: Start) -> None:
    async with start(cors_origins=STUDIO) as gateway:
        ask = {"Origin": STUDIO, "Access-Control-Request-Method": "GET"}
        async with gateway.ask("OPTIONS", VOICES, headers=ask) as response:
            assert response.status == 200
            assert security_headers(response.headers) == HEADERS


@pytest.mark.parametrize("listed", [(), STUDIO])
async def test_other_origins_get_no_permission(start: Start, listed: object) -> None:
    async with start(cors_origins=listed) as gateway:
        for origin in ("https://evil.example.com", f"{STUDIO}.example.com", "https://studio.example.com:8443", "null"):
            sent = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            for method in ("OPTIONS", "GET"):
                async with gateway.ask(method, VOICES, headers=gateway.bearer() | sent) as response:
                    assert not [name for name in response.headers if name.lower() == "access-control-allow-origin"]
