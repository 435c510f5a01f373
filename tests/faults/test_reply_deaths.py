"""A process that dies in the middle of a reply, by SIGKILL, leaves the user's message and no half reply."""

import asyncio

import pytest

from echo_common.clock import now
from echo_common.outbox.relay import Relay
from echo_voice.conversations.reply_events import Done
from tests.integration.outbox.counters import RecordingBus
from tests.integration.voice.conversations.conftest import ADA, open_talk
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.reply_process import reply_until_dead

REPLY_POINTS = ["reply.after_message", "reply.before_store"]


@pytest.mark.parametrize("point", REPLY_POINTS)
async def test_a_reply_is_repeated_after_the_death_of_its_process(database: Database, point: str) -> None:
    store, bus = await database.open(), RecordingBus()
    relay = Relay(bus, sweep_every=0.05)
    talk = await open_talk(store, relay, bus)
    await asyncio.to_thread(reply_until_dead, database, talk.echo.id, point)
    assert await talk.texts() == [("user", "Hello!", "complete")]

    async def expired() -> bool:
        lease = (await talk.conversation()).lease
        return lease is not None and lease.until < now()

    await eventually(expired)
    async with talk.replies.open(talk.echo.id, "Hello!", ADA, request_key="key") as reply:
        assert isinstance([event async for event in reply.events()][-1], Done)
    assert [text for _, text, _ in await talk.texts()] == ["Hello!", "Good morning. How are you?"]
    await relay.close()
    await store.close()
