"""Tests of authentication, scopes and rate limits."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import SecretStr

from echo_common.errors import NotFoundError
from echo_common.messages.catalogue import message_of
from echo_gateway import rate_limit
from tests.integration.gateway.conftest import Gateway, Start
from tests.support.eventually import eventually
from tests.support.issuer import Issuer
from tests.support.upstream import Upstream

VOICES = "/api/v1/voices"


async def test_requests_without_a_token_reach_no_service(gateway: Gateway, synthesis: Upstream) -> None:
    async def never_whole() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with gateway.ask("POST", "/api/v1/job", headers={}, data=never_whole()) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "UNAUTHENTICATED"
    assert synthesis.asked == []


async def test_forged_expired_and_foreign_tokens_are_refused(gateway: Gateway, synthesis: Upstream) -> None:
    expired = gateway.bearer(exp=1)
    forged = {"Authorization": "Bearer " + gateway.issuer.token(key=Issuer.new_key())}
    for headers, code in (
        (expired, "TOKEN_EXPIRED"),
        (forged, "INVALID_TOKEN"),
        ({"Authorization": "Bearer x"}, "INVALID_TOKEN"),
    ):
        async with gateway.ask("GET", VOICES, headers=headers) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (401, code)
    assert synthesis.asked == []


@pytest.mark.parametrize(
    ("claims", "accepted", "language"),
    [({}, "de-AT, en;q=0.5", "de"), ({"locale": "vi"}, "de-AT", "vi"), ({"locale": "de"}, None, "de"), ({}, None, "en")],
    ids=["header", "preference before header", "preference", "neither"],
)
async def test_messages_are_in_the_language_of_the_user(
    gateway: Gateway, synthesis: Upstream, claims: dict[str, str], accepted: str | None, language: str
) -> None:
    sent = {"Accept-Language": accepted} if accepted else {}
    async with gateway.ask("GET", "/api/v1/nothing", headers=gateway.bearer(**claims) | sent) as response:
        assert (await response.json())["error"]["message"] == message_of(NotFoundError(), language)
    async with gateway.ask("GET", VOICES, headers=gateway.bearer(**claims) | sent) as response:
        assert response.status == 200
    forwarded = [value for name, value in synthesis.asked[0].headers if name == "accept-language"]
    assert forwarded == [expected for expected in (claims.get("locale") or accepted,) if expected]


async def test_tokens_need_the_scope_of_the_route(gateway: Gateway, synthesis: Upstream) -> None:
    reader = gateway.bearer(scope="speech:read")
    async with gateway.ask("GET", VOICES, headers=reader) as response:
        assert response.status == 200
    async with gateway.ask("POST", "/api/v1/job", headers=reader, data=b"{}") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (403, "FORBIDDEN")
    assert len(synthesis.asked) == 1


@pytest.mark.slow
async def test_ended_sessions_are_refused_within_seconds(gateway: Gateway) -> None:
    headers = gateway.bearer(sid="ses_9")

    async def refused() -> bool:
        async with gateway.ask("GET", VOICES, headers=headers) as response:
            return bool(response.status == 401)

    assert not await refused()
    gateway.issuer.revoked_sessions.append("ses_9")
    await eventually(refused, within=5)


async def test_unknown_paths_and_methods_are_refused_in_the_envelope(gateway: Gateway) -> None:
    for method, path, status, code in (
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v1/voices/", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/voices", 405, "METHOD_NOT_ALLOWED"),
    ):
        async with gateway.ask(method, path) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (status, code)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "RateLimit" in response.headers


async def test_every_response_reports_the_remaining_quota(gateway: Gateway) -> None:
    for left in (99, 98):
        async with gateway.ask("GET", VOICES) as response:
            assert response.headers["RateLimit-Policy"] == '"default";q=100;w=60'
            assert response.headers["RateLimit"].startswith(f'"default";r={left};t=')


async def test_limits_depend_on_the_plan_and_are_counted_per_user(start: Start, synthesis: Upstream) -> None:
    async with start(limit_guest=1, limit_user=2, limit_premium=0) as gateway:

        async def statuses(**claims: str) -> list[int]:
            found = []
            for _ in range(3):
                async with gateway.ask("GET", VOICES, headers=gateway.bearer(**claims)) as response:
                    found.append(response.status)
                    if response.status == 429:
                        assert (await response.json())["error"]["code"] == "RATE_LIMITED"
                        assert 0 < int(response.headers["Retry-After"]) <= 60
                        assert response.headers["RateLimit"].startswith('"default";r=0;t=')
            return found

        assert await statuses(sub="usr_g", plan="guest") == [200, 429, 429]
        assert await statuses(sub="usr_u") == [200, 200, 429]
        assert await statuses(sub="usr_other") == [200, 200, 429]
        assert await statuses(sub="usr_p", plan="premium") == [200, 200, 200]


async def test_requests_without_a_valid_token_count_by_address(start: Start) -> None:
    async with start(limit_anonymous=2) as gateway:
        found = []
        for number in range(3):
            async with gateway.ask("GET", VOICES, headers={"Authorization": f"Bearer guess{number}"}) as response:
                found.append(response.status)
        assert found == [401, 401, 429]
        async with gateway.ask("GET", VOICES) as response:
            assert response.status == 200
        async with gateway.ask("GET", "/health", headers={}) as response:
            assert response.status == 200
            assert "RateLimit" not in response.headers


async def test_login_attempts_have_their_own_limit(start: Start) -> None:
    async with start(limit_credentials=2, limit_anonymous=0) as gateway:
        found = []
        for _ in range(3):
            async with gateway.ask("POST", "/api/v1/auth/login", headers={}, data=b"{}") as response:
                found.append(response.status)
                assert response.headers["RateLimit-Policy"] == '"credentials";q=2;w=60'
        assert found[2] == 429
        assert 429 not in found[:2]


async def test_listed_origins_are_permitted_by_cors(start: Start) -> None:
    async with start(cors_origins="https://studio.example.com/, https://other.example.com") as gateway:
        ask = {"Origin": "https://studio.example.com", "Access-Control-Request-Method": "POST"}
        async with gateway.ask("OPTIONS", "/api/v1/job", headers=ask) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "https://studio.example.com"
        async with gateway.ask("OPTIONS", "/api/v1/job", headers=ask | {"Origin": "https://evil.example.com"}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_health_names_every_service(gateway: Gateway) -> None:
    health = json.loads(await gateway.operate("/health"))
    assert health["parts"]["synthesis"] == health["parts"]["synthesis"] | {"status": "ok", "facts": {"database": "ok"}}
    assert health["parts"]["database"]["status"] == "ok"
    assert health["parts"]["auth"]["status"] == "down"  # the issuer has no health
    assert health["status"] == "degraded"


@pytest.mark.slow
async def test_the_root_links_to_the_documentation(gateway: Gateway) -> None:
    async with gateway.ask("GET", "/", headers={}) as response:
        start = await response.json()
    async with gateway.ask("GET", start["openapi"], headers={}) as response:
        assert (await response.json())["info"]["title"] == "Echo"


async def test_replicas_with_a_shared_store_count_together(start: Start, embedded_server: str) -> None:
    shared = SecretStr(embedded_server)
    async with start(limit_user=3, limit_store=shared) as one, start(limit_user=3, limit_store=shared) as other:
        statuses = []
        for gateway in (one, other, one, other):
            async with gateway.ask("GET", VOICES, headers=gateway.bearer(sub=f"usr_{id(start)}")) as response:
                statuses.append(response.status)
    assert statuses == [200, 200, 200, 429]


async def test_tickets_are_accepted_only_by_ticket_routes(gateway: Gateway, synthesis: Upstream) -> None:
    taken = [
        ("GET", "/api/v1/tts/synthesize/stream?text=Hello&ticket=abc"),
        ("GET", "/api/v1/files/audio/aud_1?expires=1&signature=abc"),
        ("HEAD", "/api/v1/files/audio/aud_1?signature=abc"),
    ]
    for method, path in taken:
        async with gateway.ask(method, path, headers={}) as response:
            assert response.status == 200, path
    assert [asked.target for asked in synthesis.asked] == [path.removeprefix("/api/v1") for _, path in taken]
    refused = [
        ("GET", "/api/v1/tts/synthesize/stream?text=ticket"),
        ("GET", "/api/v1/tts/synthesize/stream?text=a&tickets=abc"),
        ("POST", "/api/v1/tts/synthesize/stream?ticket=abc"),
        ("GET", "/api/v1/files/aud_1/info?signature=abc"),
        ("DELETE", "/api/v1/files/audio/aud_1?signature=abc"),
        ("GET", "/api/v1/job?ticket=abc&signature=abc"),
    ]
    for method, path in refused:
        async with gateway.ask(method, path, headers={}) as response:
            assert response.status == 401, path
    assert len(synthesis.asked) == len(taken)


async def test_unknown_proxies_do_not_set_the_client_address(start: Start) -> None:
    async with start(limit_anonymous=2) as gateway:
        found = []
        for forwarded in ("a:b", "203.0.113.1", "[::1"):
            async with gateway.ask("GET", VOICES, headers={"X-Forwarded-For": forwarded}) as response:
                found.append(response.status)
        assert found == [401, 401, 429]


async def test_trusted_proxies_set_the_client_address(start: Start, synthesis: Upstream) -> None:
    async with start(limit_anonymous=1, trusted_proxies="127.0.0.1, 10.0.0.0/8") as gateway:
        for forwarded, status in (
            ("203.0.113.1", 401),
            ("203.0.113.2:99", 401),
            ("made up, 203.0.113.2, 10.1.1.1", 429),
            ("a:b", 401),
            ("c:d", 429),
        ):
            async with gateway.ask("GET", VOICES, headers={"X-Forwarded-For": forwarded}) as response:
                assert response.status == status, forwarded
        async with gateway.ask("GET", VOICES, headers=gateway.bearer() | {"X-Forwarded-For": "203.0.113.9"}) as response:
            assert response.status == 200
    assert synthesis.asked[0].header("x-forwarded-for") == "203.0.113.9"


@pytest.mark.slow
async def test_health_is_detailed_only_for_operators(gateway: Gateway) -> None:
    for path in ("/health", "/api/v1/health"):
        for headers in ({}, gateway.bearer(), {"Authorization": "Bearer x"}):
            async with gateway.ask("GET", path, headers=headers) as response:
                assert (response.status, await response.json()) == (200, {"status": "degraded"})
    async with gateway.ask("GET", "/healthz", headers={}) as response:
        assert await response.json() == {"status": "ok"}
    async with gateway.ask("GET", "/health", headers=gateway.bearer(scope="admin")) as response:
        assert "database" in (await response.json())["parts"]


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_readiness_and_metrics_are_only_for_operators(path: str, gateway: Gateway) -> None:
    for headers, status in (
        ({}, 401),
        (gateway.bearer(), 403),
        (gateway.bearer(scope="admin"), 503 if path == "/readyz" else 200),
    ):
        async with gateway.ask("GET", path, headers=headers) as response:
            assert response.status == status
    assert await gateway.operate(path)


async def test_the_internal_listener_serves_nothing_else(gateway: Gateway) -> None:
    assert json.loads(await gateway.operate("/healthz")) == {"status": "ok"}
    for path in ("/", "/api/v1/voices", "/openapi.json", "/api/v1/auth/login"):
        assert json.loads(await gateway.operate(path))["error"]["code"] == "NOT_FOUND"


async def test_counts_survive_a_restart(start: Start) -> None:
    async with start(limit_user=2) as gateway:
        for _ in range(2):
            async with gateway.ask("GET", VOICES) as response:
                assert response.status == 200
    async with start(limit_user=2) as gateway, gateway.ask("GET", VOICES) as response:
        assert response.status == 429


async def test_changed_limits_apply_while_the_gateway_runs(gateway: Gateway) -> None:
    gateway.issuer.system_settings["limits.user.requests_per_minute"] = 5000

    async def applied() -> bool:
        async with gateway.ask("GET", VOICES) as response:
            return bool(response.headers["RateLimit-Policy"] == '"default";q=5000;w=60')

    await eventually(applied)


async def test_a_client_that_obeys_the_fields_is_never_refused(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "WINDOW_SECONDS", 1)
    async with start(limit_user=3) as gateway:
        for _ in range(10):
            async with gateway.ask("GET", VOICES) as response:
                assert response.status == 200
                fields = dict(field.split("=") for field in response.headers["RateLimit"].split(";")[1:])
            if fields["r"] == "0":
                await asyncio.sleep(int(fields["t"]))  # the client waits as told


async def test_credentials_that_cannot_be_verified_yet_are_refused_and_counted_for_no_one(
    start: Start, synthesis: Upstream
) -> None:
    async with start() as gateway:
        gateway.issuer.reachable = False
    async with start() as gateway:
        for headers in (gateway.bearer(), {"X-API-Key": "echo_key"}) * 2:
            async with gateway.ask("GET", VOICES, headers=headers) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
                assert int(response.headers["Retry-After"]) > 0
                assert "RateLimit" not in response.headers
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await gateway.session.ws_connect(gateway.url + "/api/v1/live", headers=gateway.bearer())
        assert refused.value.status == 503
        assert (gateway.issuer.exchanges, synthesis.asked) == ([], [])

        async with gateway.ask("GET", VOICES, headers={"Authorization": "Bearer x"}) as response:
            assert (response.status, response.headers["RateLimit"].split(";")[1]) == (401, "r=59")
        async with gateway.ask("POST", "/api/v1/auth/login", data=b"{}") as response:
            assert response.headers["RateLimit"].startswith('"credentials";r=9;')

        gateway.issuer.reachable = True

        async def verified() -> bool:
            async with gateway.ask("GET", VOICES) as response:
                return bool(response.status == 200 and '"default";r=99;' in response.headers["RateLimit"])

        await eventually(verified)
