"""The gateway exchanges API keys for access tokens; services see nothing but these."""

import asyncio
from collections.abc import Mapping

import pytest

from echo_gateway import credential_exchange
from tests.integration.gateway.conftest import EVERYTHING, Gateway
from tests.support.eventually import eventually
from tests.support.upstream import Upstream

VOICES = "/api/v1/voices"
KEY = "echo_a-key-of-the-test"


@pytest.fixture
async def keyed(gateway: Gateway) -> Gateway:
    """The gateway; auth knows one API key with all scopes."""
    gateway.issuer.api_keys[KEY] = {"sub": "usr_ada", "sid": "key_1", "scope": EVERYTHING}
    return gateway


async def refused(gateway: Gateway, headers: Mapping[str, str], method: str = "GET", path: str = VOICES) -> tuple[int, str]:
    async with gateway.ask(method, path, headers=headers) as response:
        return response.status, (await response.json()).get("error", {}).get("code", "")


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}", "X-API-Key": KEY}]
)
async def test_services_receive_an_access_token_in_place_of_the_key(
    headers: Mapping[str, str], keyed: Gateway, synthesis: Upstream
) -> None:
    assert await refused(keyed, headers) == (200, "")
    (asked,) = synthesis.asked
    assert [name for name, _ in asked.headers].count("authorization") == 1
    assert KEY not in str(asked.headers)
    assert str(asked.header("authorization")).startswith("Bearer eyJ")
    assert asked.header("x-api-key") is None


async def test_keys_need_the_scope_of_the_route(keyed: Gateway, synthesis: Upstream) -> None:
    keyed.issuer.api_keys["echo_reader"] = {"sub": "usr_ada", "sid": "key_2", "scope": "speech:read"}
    reader = {"X-API-Key": "echo_reader"}
    assert await refused(keyed, reader) == (200, "")
    assert await refused(keyed, reader, "POST", "/api/v1/job") == (403, "FORBIDDEN")
    assert len(synthesis.asked) == 1


async def test_concurrent_requests_share_one_exchange(keyed: Gateway) -> None:
    answers = await asyncio.gather(*(refused(keyed, {"X-API-Key": KEY}) for _ in range(20)))
    assert set(answers) == {(200, "")}
    assert keyed.issuer.exchanges == [KEY]


async def test_different_credentials_in_one_request_are_refused(keyed: Gateway, synthesis: Upstream) -> None:
    for other in (keyed.bearer()["Authorization"], "Bearer echo_other"):
        assert await refused(keyed, {"Authorization": other, "X-API-Key": KEY}) == (401, "AMBIGUOUS_CREDENTIALS")
    assert await refused(keyed, keyed.bearer() | {"X-API-Key": "x"}) == (401, "INVALID_API_KEY")
    assert synthesis.asked == []


async def test_tokens_of_another_issuer_are_exchanged(keyed: Gateway, synthesis: Upstream) -> None:
    foreign = keyed.issuer.token(iss="https://login.example.com")
    keyed.issuer.api_keys[foreign] = {"sub": "usr_ada", "sid": "idn_1", "scope": EVERYTHING}
    unknown = keyed.issuer.token(iss="https://evil.example.com")

    assert await refused(keyed, {"Authorization": f"Bearer {foreign}"}) == (200, "")
    assert await refused(keyed, {"Authorization": f"Bearer {unknown}"}) == (401, "INVALID_TOKEN")
    (asked,) = synthesis.asked
    assert foreign not in str(asked.headers)


async def test_an_access_token_is_no_api_key(keyed: Gateway) -> None:
    token = keyed.bearer()["Authorization"].removeprefix("Bearer ")
    assert await refused(keyed, {"X-API-Key": token}) == (401, "INVALID_API_KEY")


async def test_refused_keys_are_cached(keyed: Gateway, synthesis: Upstream) -> None:
    for _ in range(3):
        assert await refused(keyed, {"X-API-Key": "echo_wrong"}) == (401, "INVALID_API_KEY")
    assert keyed.issuer.exchanges == ["echo_wrong"]
    assert synthesis.asked == []


async def test_guessed_keys_of_an_address_do_not_reach_auth(keyed: Gateway) -> None:
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")
    found = [await refused(keyed, {"X-API-Key": f"echo_guess{number}"}) for number in range(30)]
    assert found[:20] == [(401, "INVALID_API_KEY")] * 20
    assert set(found[20:]) == {(429, "RATE_LIMITED")}
    assert len(keyed.issuer.exchanges) == 21
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")


async def test_deleted_keys_are_refused_within_seconds(keyed: Gateway) -> None:
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")
    del keyed.issuer.api_keys[KEY]
    keyed.issuer.revoked_sessions.append("key_1")

    async def over() -> bool:
        return await refused(keyed, {"X-API-Key": KEY}) == (401, "INVALID_API_KEY")

    await eventually(over, within=5)


async def test_expired_tokens_are_exchanged_again(keyed: Gateway, synthesis: Upstream) -> None:
    keyed.issuer.api_keys[KEY]["exp"] = 1
    assert await refused(keyed, {"X-API-Key": KEY}) == (401, "TOKEN_EXPIRED")
    del keyed.issuer.api_keys[KEY]["exp"]
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")


async def test_used_keys_are_exchanged_again_in_the_background(keyed: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_exchange, "RENEWED_AFTER_SECONDS", 0.0)
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")
    keyed.issuer.reachable = False  # the known token stays in use

    async def asked_again() -> bool:
        assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")
        return len(keyed.issuer.exchanges) > 1

    await eventually(asked_again)
    assert await refused(keyed, {"X-API-Key": KEY}) == (200, "")
    assert await refused(keyed, {"X-API-Key": "echo_new"}) == (503, "SERVICE_UNAVAILABLE")


async def test_public_routes_serve_requests_with_a_refused_credential_without_it(keyed: Gateway, synthesis: Upstream) -> None:
    foreign = keyed.issuer.token(iss="https://evil.example.com")
    for headers in (
        {"X-API-Key": "echo_wrong"},
        {"Authorization": "Bearer echo_wrong"},
        {"Authorization": f"Bearer {foreign}"},
    ):
        path = "/api/v1/files/audio/aud_1?expires=1&signature=abc"
        async with keyed.ask("GET", path, headers=headers) as response:
            assert response.status == 200
        assert synthesis.asked[-1].header("authorization") is None
        assert synthesis.asked[-1].header("x-api-key") is None


async def test_routes_with_an_optional_token_refuse_an_invalid_key(keyed: Gateway, voice: Upstream) -> None:
    async with keyed.ask("POST", "/api/upload-reference", headers={"X-API-Key": "echo_wrong"}) as response:
        assert response.status == 401
    assert voice.asked == []


async def test_routes_of_the_gateway_name_the_error_of_a_key(keyed: Gateway) -> None:
    path = "/api/v1/job/job_1/progress"
    assert await refused(keyed, {"X-API-Key": "echo_wrong"}, path=path) == (401, "INVALID_API_KEY")
    assert await refused(keyed, {"X-API-Key": KEY}, path="/api/v1/admin/dead-letters") == (403, "FORBIDDEN")


async def test_internal_headers_from_outside_are_dropped(keyed: Gateway, synthesis: Upstream) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.1",
        "X-Forwarded-Host": "forged",
        "X-Forwarded-Proto": "forged",
        "X-Real-IP": "198.51.100.1",
        "Forwarded": "for=198.51.100.1",
        "X-Echo-Starting": "forged",
        "Baggage": "forged=1",
    }
    assert await refused(keyed, forged | {"X-API-Key": KEY}) == (200, "")
    sent = str(synthesis.asked[0].headers)
    assert synthesis.asked[0].header("x-forwarded-for") == "127.0.0.1"
    for value in ("forged", "198.51.100.1"):
        assert value not in sent


async def test_internal_endpoints_are_not_reachable_from_outside(keyed: Gateway) -> None:
    for path, status in (("/internal/exchange", 404), ("/api/v1/internal/exchange", 404), ("/api/internal/exchange", 404)):
        async with keyed.ask("POST", path, json={"credential": KEY}) as response:
            assert response.status == status, path
    for root in ("", "/api/v1", "/api"):
        for path in ("/internal/user-data", "/internal/user-data/objects/aud_1/sound"):
            async with keyed.ask("GET", root + path) as response:
                assert response.status == 404
    assert keyed.issuer.exchanges == []


async def test_keys_of_inactive_users_do_not_reach_auth_again(keyed: Gateway) -> None:
    keyed.issuer.inactive_keys.add("echo_inactive")

    answers = [await refused(keyed, {"X-API-Key": "echo_inactive"}) for _ in range(3)]

    assert answers == [(403, "ACCOUNT_INACTIVE")] * 3
    assert keyed.issuer.exchanges == ["echo_inactive"]
