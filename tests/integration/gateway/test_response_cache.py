"""Tests of the response cache."""

import asyncio

import pytest

from echo_common.bus.delivery import encode
from echo_common.contracts.events.synthesis import AudioDeleted, AudioRevised
from tests.integration.gateway.conftest import Gateway
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream, return_request

AUDIO = "/api/v1/files/audio/aud_1"
SOUND = b"RIFF" + bytes(1000)


async def finished(exchange: Exchange) -> None:
    await exchange.start(
        200, content_type="audio/wav", content_length=str(len(SOUND)), etag='"e1"', cache_control="private, immutable"
    )
    await exchange.write(SOUND, more=False)


async def changing(exchange: Exchange) -> None:
    await exchange.start(200, content_type="audio/wav", content_length=str(len(SOUND)), etag='"e1"')
    await exchange.write(SOUND, more=False)


async def fetch(gateway: Gateway, **headers: str) -> tuple[int, bytes]:
    async with gateway.ask("GET", AUDIO, headers=gateway.bearer() | headers) as response:
        return response.status, await response.read()


async def test_immutable_responses_are_requested_once(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    assert await fetch(gateway) == await fetch(gateway) == (200, SOUND)
    for known in ('"e1"', 'W/"e1"', '"e0", "e1"', "*"):
        assert await fetch(gateway, **{"If-None-Match": known}) == (304, b"")
    assert await fetch(gateway, **{"If-None-Match": '"e0"'}) == (200, SOUND)
    assert len(synthesis.asked) == 1


async def test_mutable_responses_are_requested_each_time(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = changing
    assert await fetch(gateway) == await fetch(gateway) == (200, SOUND)
    assert len(synthesis.asked) == 2


async def test_cached_responses_are_not_shared_between_users(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    await fetch(gateway, **gateway.bearer(sub="usr_stranger"))
    assert len(synthesis.asked) == 2


async def test_ranges_are_requested_from_the_service(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    await fetch(gateway, Range="bytes=0-9")
    assert synthesis.asked[-1].header("range") == "bytes=0-9"


async def revisable(exchange: Exchange) -> None:
    await exchange.start(
        200, content_type="audio/wav", content_length=str(len(SOUND)), etag='"e1"', cache_control="private, no-cache"
    )
    await exchange.write(SOUND, more=False)


async def test_revisable_responses_are_requested_once(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = revisable
    assert await fetch(gateway) == await fetch(gateway) == (200, SOUND)
    assert len(synthesis.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        AudioDeleted(audio_id="aud_1", user_id="usr_1"),
        AudioRevised(audio_id="aud_1", user_id="usr_1", revision=2, segment=0, duration=1.0, word_count=1, size_bytes=1),
    ],
    ids=["deleted", "revised"],
)
async def test_changed_audio_is_removed_from_the_cache(
    gateway: Gateway, synthesis: Upstream, change: AudioDeleted | AudioRevised
) -> None:
    synthesis.answer = revisable
    await fetch(gateway)
    await gateway.bus.publish([encode(change)])

    async def asked_again() -> bool:
        await fetch(gateway)
        return len(synthesis.asked) > 1

    await eventually(asked_again)


async def test_the_cache_size_is_bounded(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    cache = gateway.deps.response_cache
    for number in range(2_001):
        cache.put(("usr_1", f"/{number}", ""), [(b"etag", b'"e"')], bytes(64 * 1024), asked_at=0)
    assert cache.find(("usr_1", "/0", "")) is None
    assert cache.find(("usr_1", "/2000", "")) is not None


@pytest.mark.parametrize("query", ["signature=x&expires=1", "%73ignature=x", "download=1&expires=1", "x"])
async def test_signed_links_are_never_served_from_the_cache(gateway: Gateway, synthesis: Upstream, query: str) -> None:
    synthesis.answer = finished
    for _ in range(2):
        async with gateway.ask("GET", f"{AUDIO}?{query}") as response:
            assert await response.read() == SOUND
    assert len(synthesis.asked) == 2


async def test_every_response_has_its_own_id_and_headers(gateway: Gateway, synthesis: Upstream) -> None:
    async def personal(exchange: Exchange) -> None:
        await exchange.start(
            200,
            content_type="audio/wav",
            content_length=str(len(SOUND)),
            etag='"e1"',
            cache_control="private, immutable",
            x_request_id=str(exchange.asked.header("x-request-id")),
            date="Sat, 21 Nov 2026 12:00:00 GMT",
            x_made_for="this request",
        )
        await exchange.write(SOUND, more=False)

    synthesis.answer = personal
    ids = []
    for number in range(3):
        mine = gateway.bearer() | {"X-Request-ID": f"req_number_{number}"}
        known = {"If-None-Match": '"e1"'} if number == 2 else {}
        async with gateway.ask("GET", AUDIO, headers=mine | known) as response:
            ids.append(response.headers.getall("X-Request-ID"))
            assert number == 0 or not {"Date", "X-Made-For"} & response.headers.keys()
            assert response.headers["ETag"] == '"e1"'
            assert "RateLimit" in response.headers
    assert (ids, len(synthesis.asked)) == ([["req_number_0"], ["req_number_1"], ["req_number_2"]], 1)


@pytest.mark.parametrize("field", [{"set_cookie": "a=b"}, {"vary": "Authorization, Accept"}, {"vary": "*"}])
async def test_responses_that_vary_beyond_the_token_are_not_cached(
    gateway: Gateway, synthesis: Upstream, field: dict[str, str]
) -> None:
    async def varying(exchange: Exchange) -> None:
        length = str(len(SOUND))
        await exchange.start(
            200, content_type="audio/wav", content_length=length, etag='"e1"', cache_control="immutable", **field
        )
        await exchange.write(SOUND, more=False)

    synthesis.answer = varying
    await fetch(gateway)
    await fetch(gateway)
    assert len(synthesis.asked) == 2


async def test_deletions_clear_the_cache_before_they_are_confirmed(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    synthesis.answer = return_request
    async with gateway.ask("DELETE", AUDIO) as response:
        assert response.status == 200
    await fetch(gateway)
    assert [asked.method for asked in synthesis.asked] == ["GET", "DELETE", "GET"]


async def test_audio_deleted_during_its_response_is_not_cached(gateway: Gateway, synthesis: Upstream) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.start(200, content_length=str(len(SOUND)), etag='"e1"', cache_control="private, immutable")
        begun.set()
        await go.wait()
        await exchange.write(SOUND, more=False)

    synthesis.answer = slowly
    running = asyncio.create_task(fetch(gateway))
    await begun.wait()
    gateway.deps.response_cache.invalidate("aud_1")
    go.set()
    assert await running == (200, SOUND)
    await fetch(gateway)
    assert len(synthesis.asked) == 2


@pytest.mark.slow
async def test_ended_sessions_are_not_served_from_the_cache(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    gateway.issuer.revoked_sessions.append("ses_1")

    async def refused() -> bool:
        return (await fetch(gateway))[0] == 401

    await eventually(refused)


async def test_head_requests_and_insufficient_scopes_are_not_served_from_the_cache(
    gateway: Gateway, synthesis: Upstream
) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    assert (await fetch(gateway, **gateway.bearer(scope="voices:read")))[0] == 403
    async with gateway.ask("HEAD", AUDIO):
        pass
    assert [asked.method for asked in synthesis.asked] == ["GET", "HEAD"]
