"""Tests of the Echo API without a token: only from this machine, and from no other web origin."""

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.integration.gateway.conftest import Gateway, Start
from tests.support.rawhttp import RawClient
from tests.support.upstream import Upstream

SPEAK = "/api/synthesize"


@pytest.fixture
async def tokenless(start: Start, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setenv("ECHO_API_WITHOUT_TOKEN", "true")
    async with start(cors_origins=("https://studio.example.com",)) as gateway:
        yield gateway


async def asked(gateway: Gateway, path: str = SPEAK, method: str = "POST", **headers: str) -> int:
    async with gateway.ask(method, path, headers=headers, data=b"{}" if method == "POST" else None) as response:
        status: int = response.status
        return status


async def test_without_the_setting_a_token_is_needed(gateway: Gateway, synthesis: Upstream) -> None:
    assert await asked(gateway) == 401
    assert (gateway.issuer.local_sessions, synthesis.asked) == (0, [])


async def test_with_the_setting_the_principal_is_the_local_user(tokenless: Gateway, synthesis: Upstream) -> None:
    assert [await asked(tokenless) for _ in range(3)] == [200] * 3
    assert tokenless.issuer.local_sessions == 1
    token = synthesis.asked[0].header("authorization")
    assert token is not None
    assert token.startswith("Bearer ey")


async def test_the_local_token_is_renewed_before_it_expires(tokenless: Gateway) -> None:
    tokenless.issuer.local_session_seconds = 30
    assert [await asked(tokenless) for _ in range(2)] == [200, 200]
    assert tokenless.issuer.local_sessions == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/tts/synthesize", 401),
        ("/api/v1/job", 401),
        ("/api/v1/voice/clones", 401),
        ("/api/v1/auth/logout", 401),
        ("/api//synthesize", 404),
    ],
)
async def test_only_the_echo_api_works_without_a_token(tokenless: Gateway, synthesis: Upstream, path: str, status: int) -> None:
    assert await asked(tokenless, path) == status
    assert (tokenless.issuer.local_sessions, synthesis.asked) == (0, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer made-up"},
        {"Authorization": "Basic YTpi"},
        {"Host": "rebound.example.com"},
        {"Host": "192.168.1.7:8080"},
        {"Host": "localhost.example.com"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"X-Forwarded-For": "198.51.100.7"},
        {"Forwarded": "for=198.51.100.7"},
        {"Via": "1.1 proxy"},
    ],
)
async def test_requests_from_elsewhere_need_a_token(
    tokenless: Gateway, synthesis: Upstream, headers: Mapping[str, str]
) -> None:
    assert await asked(tokenless, **headers) == 401
    assert synthesis.asked == []


@pytest.mark.parametrize("name", ["Host", "Origin"])
async def test_repeated_host_or_origin_headers_need_a_token(tokenless: Gateway, synthesis: Upstream, name: str) -> None:
    own = {"Host": "localhost", "Origin": "http://localhost"}
    lines = "".join(f"{key}: {value}\r\n" for key, value in own.items())
    twice = f"POST {SPEAK} HTTP/1.1\r\n{name}: evil.example.com\r\n{lines}Content-Length: 2\r\n\r\n{{}}"
    async with RawClient.at(tokenless.url) as client:
        client.send(twice.encode())
        assert (await client.response()).status == 401
    assert synthesis.asked == []


async def test_same_and_allowed_origins_are_accepted(tokenless: Gateway) -> None:
    port = tokenless.url.rpartition(":")[2]
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert await asked(tokenless, **own) == 200
    assert await asked(tokenless, Origin="https://studio.example.com") == 200


async def test_a_sent_token_takes_precedence(tokenless: Gateway, synthesis: Upstream) -> None:
    mine = tokenless.bearer()
    assert await asked(tokenless, **mine) == 200
    assert synthesis.asked[0].header("authorization") == mine["Authorization"]


async def test_auth_is_not_asked_for_a_token_that_cannot_be_verified(
    tokenless: Gateway, start: Start, synthesis: Upstream
) -> None:
    tokenless.issuer.reachable = False
    async with start() as restarted:
        assert await asked(restarted) == 503
        assert (restarted.issuer.local_sessions, synthesis.asked) == (0, [])
