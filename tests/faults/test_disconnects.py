"""Tests of disconnecting clients and of many simultaneous clients."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data
from tests.support.platform import Platform

STREAM = "/tts/synthesize/stream"
LEAVERS = 50


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[Person]:
    await eventually(lambda: idle(platform), within=60)  # what other stories have left hanging
    async with Person.at(platform.url) as person:
        await person.register()
        yield person


def speakers(platform: Platform) -> int:
    """Return the busy engine workers."""
    return max(1, sum(name.startswith("synthesis") for name in platform.pids()))


def open_files(platform: Platform) -> int:
    return sum(process.num_fds() for process in platform.family())


async def idle(platform: Platform) -> bool:
    """Return whether all workers are idle; the gateway alternates between replicas."""
    told = [await platform.health() for _ in range(speakers(platform))]
    return all("ready, 0 of" in str(health["parts"]["synthesis"]["facts"]) for health in told)


async def leave_after_the_first_sound(person: Person, text: str, accept: str = "*/*") -> None:
    body = {"text": text, "voice_id": "tone_low", "config": {"output_format": "pcm"}}
    async with person.http.stream("POST", STREAM, json=body, headers={"Accept": accept}) as response:
        await anext(response.aiter_bytes())


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_the_engine_stops_within_a_sentence_after_a_disconnection(accept: str, platform: Platform, ada: Person) -> None:
    text = "Begun. " + " ".join(f"Sentence {number} of {accept[0]} tone-slow-500." for number in range(60))
    await leave_after_the_first_sound(ada, text, accept)

    await eventually(lambda: idle(platform), within=10)  # all of it would take fifteen seconds or more
    spoken = data(await ada.http.post("/tts/synthesize", json={"text": text[: text.index(" 20 of")], "voice_id": "tone_low"}))
    assert spoken["cached_units"] <= 8, "what was spoken before the leaving was noticed"


async def ask_and_leave(platform: Platform, person: Person, text: str, **headers: str) -> None:
    body = {"text": text, "voice_id": "tone_low"}
    asking = asyncio.create_task(person.http.post("/tts/synthesize", json=body, headers=headers))
    await eventually(lambda: busy(platform))
    asking.cancel()


async def busy(platform: Platform) -> bool:
    return not await idle(platform)


async def test_a_synchronous_synthesis_stops_when_its_client_disconnects(platform: Platform, ada: Person) -> None:
    await ask_and_leave(platform, ada, " ".join(f"Sentence {number} of sync tone-slow-500." for number in range(60)))
    await eventually(lambda: idle(platform), within=10)  # all of it would take fifteen seconds or more


async def test_a_synthesis_with_an_idempotency_key_completes(platform: Platform, ada: Person) -> None:
    text = " ".join(f"Sentence {number} of keyed tone-slow-300." for number in range(40))
    await ask_and_leave(platform, ada, text, **{"Idempotency-Key": "come-back"})

    async def replayed() -> bool:
        again = await ada.http.post(
            "/tts/synthesize", json={"text": text, "voice_id": "tone_low"}, headers={"Idempotency-Key": "come-back"}
        )
        return again.status_code == 200 and again.headers.get("Idempotency-Replayed") == "true"

    await eventually(replayed, within=30)


async def test_many_disconnected_clients_leave_no_resources(platform: Platform, ada: Person) -> None:
    async def leave(first: int) -> None:
        texts = [f"Leaver {number}. Then more. And more." for number in range(first, first + 10)]
        await asyncio.gather(*(leave_after_the_first_sound(ada, text) for text in texts))

    await leave(0)  # pools of connections fill with the first ones
    await eventually(lambda: idle(platform))
    before = open_files(platform)
    for first in range(10, LEAVERS, 10):
        await leave(first)

    async def as_before() -> bool:
        return await idle(platform) and open_files(platform) <= before + 10

    await eventually(as_before, within=60)  # connections that idle are closed after half a minute
    assert (await ada.speak("Still here."))["duration"] > 0


async def test_fifty_identical_requests_share_a_synthesis(platform: Platform, ada: Person) -> None:
    text = "The very same tone-slow-300 words."
    results = await asyncio.gather(*(ada.speak(text) for _ in range(50)))
    spoken = sum(result["units"] - result["cached_units"] for result in results)
    assert spoken <= speakers(platform), "one in each process that speaks"
    assert len({result["audio_id"] for result in results}) == 50
    assert len({str(result["word_timestamps"]) for result in results}) == 1
