"""The inbox and the dead letters in a service's own database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from echo_common.bus.port import DeadLetter, DeadLetterNotFoundError, Message
from echo_common.clock import now
from echo_common.outbox.dead_letters import StoreDeadLetters
from echo_common.outbox.inbox import StoreInbox
from echo_common.store.port import Store

MESSAGE = Message("evt_1", "synthesis.job_queued", 2, b"\x00\xff{}", headers={"traceparent": "00-1", "x.y$z": "odd"})


@pytest.fixture
async def dead_letters(store: Store) -> StoreDeadLetters:
    letters = StoreDeadLetters(store)
    await letters.prepare()
    return letters


async def test_the_inbox_remembers_handled_events(store: Store) -> None:
    inbox = StoreInbox(store)
    await inbox.prepare()
    assert not await inbox.seen("evt_1")
    await inbox.mark("evt_1")
    await inbox.mark("evt_1")
    assert await inbox.seen("evt_1")
    assert not await inbox.seen("evt_2")


async def test_a_dead_letter_is_read_as_it_was_stored(dead_letters: StoreDeadLetters) -> None:
    letter = DeadLetter("synthesis", MESSAGE, "ValueError('no')", 5, now())
    await dead_letters.add(letter)
    assert await dead_letters.get("evt_1") == letter
    await dead_letters.remove("evt_1")
    await dead_letters.remove("evt_1")
    with pytest.raises(DeadLetterNotFoundError):
        await dead_letters.get("evt_1")


async def test_a_message_stored_twice_is_one_dead_letter(dead_letters: StoreDeadLetters) -> None:
    for error in ("first", "second"):
        await dead_letters.add(DeadLetter("synthesis", MESSAGE, error, 5, now()))
    assert [letter.error for letter in await dead_letters.list()] == ["second"]


async def test_dead_letters_are_listed_newest_first_and_by_topic(dead_letters: StoreDeadLetters) -> None:
    for age in range(3):
        message = replace(MESSAGE, id=f"evt_{age}", topic="auth.user_registered" if age == 1 else MESSAGE.topic)
        await dead_letters.add(DeadLetter("synthesis", message, "no", 5, now() - timedelta(hours=age)))
    assert [letter.id for letter in await dead_letters.list()] == ["evt_0", "evt_1", "evt_2"]
    assert [letter.id for letter in await dead_letters.list(limit=2)] == ["evt_0", "evt_1"]
    assert [letter.id for letter in await dead_letters.list(topic=MESSAGE.topic)] == ["evt_0", "evt_2"]
