"""Audio that is asked for again."""

from echo_common.bus.delivery import encode
from echo_common.contracts.events.synthesis import AudioDeleted
from tests.integration.gateway.conftest import Gateway
from tests.support.eventually import eventually
from tests.support.upstream import Exchange, Upstream

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


async def test_what_never_changes_is_asked_of_the_service_once(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    assert await fetch(gateway) == await fetch(gateway) == (200, SOUND)
    for known in ('"e1"', 'W/"e1"', '"e0", "e1"', "*"):
        assert await fetch(gateway, **{"If-None-Match": known}) == (304, b"")
    assert await fetch(gateway, **{"If-None-Match": '"e0"'}) == (200, SOUND)
    assert len(synthesis.asked) == 1


async def test_what_may_change_is_asked_for_each_time(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = changing
    assert await fetch(gateway) == await fetch(gateway) == (200, SOUND)
    assert len(synthesis.asked) == 2


async def test_a_stranger_is_not_answered_from_somebody_elses_memory(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    await fetch(gateway, **gateway.bearer(sub="usr_stranger"))
    assert len(synthesis.asked) == 2


async def test_a_part_is_asked_of_the_service(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    await fetch(gateway, Range="bytes=0-9")
    assert synthesis.asked[-1].header("range") == "bytes=0-9"


async def test_what_is_deleted_is_forgotten(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    await fetch(gateway)
    await gateway.bus.publish([encode(AudioDeleted(audio_id="aud_1", user_id="usr_1"))])

    async def asked_again() -> bool:
        await fetch(gateway)
        return len(synthesis.asked) > 1

    await eventually(asked_again)


async def test_memory_has_an_end(gateway: Gateway, synthesis: Upstream) -> None:
    synthesis.answer = finished
    answers = gateway.deps.answers
    for number in range(2_001):
        answers.keep("usr_1", f"/{number}", [(b"etag", b'"e"')], bytes(64 * 1024))
    assert answers.find("usr_1", "/0") is None
    assert answers.find("usr_1", "/2000") is not None
