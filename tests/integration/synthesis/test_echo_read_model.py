"""The read model of echos, whatever the order of its events, on every database."""

import asyncio
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from echo_common.contracts.echo import EchoEvent
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.events.voice import EchoChanged, EchoCreated, EchoDeleted
from echo_common.ids import new_id
from echo_common.store.port import Store
from echo_synthesis.catalogue.echos import Echos

HUGH = {"term": "Hugh", "respelling": "hue"}
OLD = "echo_01BX5ZZKBKACTAV9WEVGEMMVRZ"
"""An id of 2017."""


@pytest.fixture
async def echos(store: Store) -> Echos:
    echos = Echos(store, wait_seconds=0)
    await echos.prepare()
    return echos


def state(echo_id: str, revision: int, **fields: Any) -> dict[str, Any]:
    return {"echo_id": echo_id, "user_id": "usr_alice", "revision": revision, "name": f"Name {revision}", **fields}


def history(echo_id: str) -> list[EchoEvent]:
    """Return the events of an echo that lost its language, its style and its pronunciations in its third revision."""
    return [
        EchoCreated(**state(echo_id, 1, voice_id="tone_low")),
        EchoChanged(**state(echo_id, 2, voice_id="tone_low", language="en", style="warm", pronunciations=[HUGH])),
        EchoChanged(**state(echo_id, 3, voice_id="tone_high", speed=0.5)),
    ]


async def apply(event: EchoEvent | EchoDeleted, echos: Echos) -> None:
    await (echos.delete(event.echo_id) if isinstance(event, EchoDeleted) else echos.apply(event))


async def test_late_and_repeated_events_leave_the_last_state(echos: Echos) -> None:
    for order in permutations(range(3)):
        echo_id = new_id("echo")
        events = history(echo_id)
        for index in (*order, order[0], 0):
            await apply(events[index], echos)
        echo = await echos.find(echo_id, "usr_alice")
        assert (echo.name, echo.voice_id, echo.style, echo.pronunciations) == ("Name 3", "tone_high", "", [])
        assert echo.defaults == {"speed": 0.5, "pitch": 1.0, "volume": 1.0}


async def test_concurrent_events_leave_the_last_state(echos: Echos) -> None:
    for _ in range(10):
        echo_id = new_id("echo")
        await asyncio.gather(*(apply(event, echos) for event in history(echo_id)))
        assert (await echos.find(echo_id, "usr_alice")).name == "Name 3"


async def test_a_deleted_echo_stays_deleted_whatever_arrives_late(echos: Echos, store: Store) -> None:
    for order in permutations(range(4)):
        echo_id = new_id("echo")
        events: Sequence[EchoEvent | EchoDeleted] = [*history(echo_id), EchoDeleted(echo_id=echo_id, user_id="usr_alice")]
        for index in order:
            await apply(events[index], echos)
        with pytest.raises(VoiceNotFoundError):
            await echos.find(echo_id, "usr_alice")
        assert (await store.collection("echos").find_one({"_id": echo_id}) or {}).keys() == {"_id", "deleted_at"}


async def test_events_without_a_state_are_no_echos(echos: Echos) -> None:
    await apply(EchoCreated(echo_id=OLD, user_id="usr_alice"), echos)
    with pytest.raises(VoiceNotFoundError):
        await echos.find(OLD, "usr_alice")


async def test_erasure_removes_the_echos_of_one_user(echos: Echos) -> None:
    for echo_id in (OLD, "echo_other"):
        await apply(history(echo_id)[0], echos)
    await apply(EchoCreated(**state("echo_eve", 1) | {"user_id": "usr_eve"}), echos)
    await echos.erase("usr_alice")
    assert [await echos.get(echo_id, "usr_alice") for echo_id in (OLD, "echo_other")] == [None, None]
    assert await echos.get("echo_eve", "usr_eve") is not None
