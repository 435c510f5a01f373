"""Stored messages on every database: list, search, export and delete."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from echo_common.contracts.errors.chat import MessageNotFoundError, ReplyInProgressError
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.http.pagination import Page
from echo_common.http.time_range import TimeRange
from echo_common.outbox.relay import Relay
from echo_common.store.port import Store
from echo_voice.conversations.history import MessageFilter
from tests.integration.outbox.counters import RecordingBus
from tests.integration.voice.conversations.conftest import ADA, Talk, open_talk

EVE = type(ADA)("usr_eve", "ses_2", ADA.plan, ADA.role, frozenset())
ALL = MessageFilter()
FIRST_PAGE = Page(limit=20, offset=0, sort_by="created_at", sort_order="desc")


@pytest.fixture
async def talk(store: Store, relay: Relay, bus: RecordingBus) -> AsyncIterator[Talk]:
    """A conversation of four messages on every database."""
    talk = await open_talk(store, relay, bus, lease_seconds=0.2)
    for text in ("Do you like the SEA?", "Or 100% (dry) land?"):
        await talk.send(text)
    yield talk
    await talk.replies.summaries.close()


async def _list(talk: Talk, wanted: MessageFilter = ALL, page: Page = FIRST_PAGE) -> tuple[list[str], int]:
    found, total = await talk.history.list_messages(talk.echo.id, wanted, ADA, page)
    return [message.text for message in found], total


async def test_messages_are_listed_newest_first(talk: Talk) -> None:
    reply = "Good morning. How are you?"
    assert await _list(talk) == ([reply, "Or 100% (dry) land?", reply, "Do you like the SEA?"], 4)
    second = FIRST_PAGE.model_copy(update={"limit": 1, "offset": 1})
    assert await _list(talk, page=second) == (["Or 100% (dry) land?"], 4)
    oldest = FIRST_PAGE.model_copy(update={"limit": 1, "sort_order": "asc"})
    assert await _list(talk, page=oldest) == (["Do you like the SEA?"], 4)


async def test_search_ignores_case_and_takes_no_patterns(talk: Talk) -> None:
    assert await _list(talk, MessageFilter(search="sea")) == (["Do you like the SEA?"], 1)
    assert await _list(talk, MessageFilter(search="100% (DRY)")) == (["Or 100% (dry) land?"], 1)
    assert await _list(talk, MessageFilter(search=".*")) == ([], 0)


async def test_messages_are_filtered_by_time(talk: Talk) -> None:
    messages = await talk.messages()
    since = TimeRange(since=messages[2].created_at)
    assert (await _list(talk, MessageFilter(time=since)))[1] in {2, 3}  # the reply before may be of the same millisecond
    assert await _list(talk, MessageFilter(time=TimeRange(until=messages[0].created_at))) == ([], 0)
    late = TimeRange(since=messages[-1].created_at + timedelta(seconds=1))
    assert await _list(talk, MessageFilter(time=late)) == ([], 0)


async def test_export_has_all_messages_in_order(talk: Talk) -> None:
    exported = [message.number async for message in await talk.history.export(talk.echo.id, ADA)]
    assert exported == [1, 2, 3, 4]


async def test_messages_of_other_users_are_not_reached(talk: Talk) -> None:
    message = (await talk.messages())[0]
    for refused in (
        talk.history.list_messages(talk.echo.id, MessageFilter(), EVE, FIRST_PAGE),
        talk.history.export(talk.echo.id, EVE),
        talk.history.delete_all(talk.echo.id, EVE),
    ):
        with pytest.raises(EchoNotFoundError):
            await refused
    with pytest.raises(MessageNotFoundError):
        await talk.history.delete_message(talk.echo.id, message.id, EVE)
    assert len(await talk.messages()) == 4


async def test_messages_are_deleted(talk: Talk) -> None:
    messages = await talk.messages()
    await talk.history.delete_message(talk.echo.id, messages[1].id, ADA)
    with pytest.raises(MessageNotFoundError):
        await talk.history.delete_message(talk.echo.id, messages[1].id, ADA)
    assert [message.number for message in await talk.messages()] == [1, 3, 4]
    await talk.history.delete_all(talk.echo.id, ADA)
    assert await talk.messages() == []
    assert await talk.replies.conversations.count({}) == 0
    await talk.send("Hello again")
    assert [message.number for message in await talk.messages()] == [1, 2]


async def test_lease_of_a_crashed_process_expires(talk: Talk) -> None:
    conversations, echo_id = talk.replies.conversations, talk.echo.id
    await conversations.begin_reply("usr_ada", echo_id, "crashed", 60)
    with pytest.raises(ReplyInProgressError):
        await conversations.begin_reply("usr_ada", echo_id, "other", 60)
    conversation = await talk.conversation()
    await conversations.update(conversation.id, lambda held: held.renew("crashed", held.created_at, 0))
    _, number = await conversations.begin_reply("usr_ada", echo_id, "other", 60)
    assert number == 7


async def test_lease_is_renewed_while_a_reply_lasts(talk: Talk) -> None:
    async with talk.replies.open(talk.echo.id, "Hi", ADA):
        first = (await talk.conversation()).lease
        latest = first
        while latest == first:
            latest = (await talk.conversation()).lease
        assert first is not None
        assert latest is not None
        assert (latest.holder, latest.until > first.until) == (first.holder, True)
    assert (await talk.conversation()).lease is None
