"""One live connection of a member: frames, limits, and clients that do not read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import HostRequiredError
from echo_common.contracts.http.group_session_frames import ReactionSentFrame
from echo_common.contracts.values import MemberStatus
from echo_common.errors import BodyTooLargeError, EchoError, RateLimitedError, UnauthenticatedError, ValidationError
from echo_listening.domain.group_sessions import GroupMember, GroupSession
from echo_listening.domain.live_errors import NotAMemberError
from echo_listening.domain.playback import SessionItem
from echo_listening.live.connection import LiveConnection
from tests.support.eventually import eventually
from tests.support.live_client import FakeActions, FakeChannel
from tests.unit.listening.group_sessions.test_session_clock import FakeServer


def session(items: int = 3) -> GroupSession:
    host = GroupMember(user_id="usr_ada", display_name="Ada", joined_at=now())
    listed = [SessionItem(item_id=f"item_{place}", track_id="track_1", duration=10_000) for place in range(items)]
    return GroupSession.create("Friday", host, "playlist_1", listed, 1, time=1_000, clock=0)


@dataclass
class Held:
    channel: FakeChannel
    actions: FakeActions
    connection: LiveConnection
    holding: "asyncio.Task[None]"

    async def until(self, name: str, count: int = 1) -> None:
        await eventually(lambda: len(self.channel.of_type(name)) >= count)

    async def refusal(self) -> EchoError:
        with pytest.raises(EchoError) as refused:
            await self.holding
        return refused.value


@asynccontextmanager
async def held(found: GroupSession | None = None) -> AsyncIterator[Held]:
    channel, actions = FakeChannel(), FakeActions(found or session())
    connection = LiveConnection(channel, "usr_ada", await FakeServer().clock(0.0), actions, 10.0)
    await connection.show(actions.session)
    holding = asyncio.create_task(connection.hold())
    try:
        yield Held(channel, actions, connection, holding)
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_a_connection_begins_with_the_items_and_the_snapshot() -> None:
    async with held() as one:
        await one.until("snapshot")
        items, snapshot = one.channel.frames[:2]

        assert (items["type"], [item["item_id"] for item in items["items"]]) == ("items", ["item_0", "item_1", "item_2"])
        assert (snapshot["state"], snapshot["item_id"], snapshot["at"]) == ("paused", "item_0", 1_000)


async def test_items_of_a_long_playlist_come_in_parts() -> None:
    async with held(session(1_201)) as one:
        await one.until("snapshot")

        assert [(frame["start"], len(frame["items"])) for frame in one.channel.of_type("items")] == [
            (0, 500),
            (500, 500),
            (1_000, 201),
        ]


async def test_a_command_is_accepted_and_shown_without_the_items() -> None:
    async with held() as one:
        one.channel.say({"type": "play", "id": "1"})
        await one.until("accepted")
        await one.connection.show(one.actions.session)
        await one.until("snapshot", 2)

        assert one.channel.of_type("accepted") == [{"type": "accepted", "id": "1", "revision": 2}]
        assert one.channel.of_type("snapshot")[-1]["state"] == "playing"
        assert len(one.channel.of_type("items")) == 1


async def test_a_refused_command_leaves_the_connection_open() -> None:
    async with held() as one:
        one.actions.refusal = HostRequiredError()
        one.channel.say({"type": "play", "id": "1"}, {"type": "ping", "sent": 7.5})
        await one.until("pong")

        assert [frame["code"] for frame in one.channel.of_type("refused")] == ["HOST_REQUIRED"]
        assert one.channel.of_type("pong")[0]["sent"] == 7.5


async def test_a_command_of_a_user_who_has_left_ends_the_connection() -> None:
    async with held() as one:
        one.actions.refusal = NotAMemberError()
        one.channel.say({"type": "play", "id": "1"})

        assert type(await one.refusal()) is NotAMemberError


async def test_a_revoked_credential_ends_the_connection() -> None:
    async with held() as one:
        one.connection.end_if_revoked()
        one.channel.say({"type": "ping", "sent": 1.0})
        await one.until("pong")
        one.actions.credential_revoked = True
        one.connection.end_if_revoked()

        assert type(await one.refusal()) is UnauthenticatedError


async def test_items_with_other_durations_are_sent_again() -> None:
    found = session()
    async with held(found) as one:
        await one.until("snapshot")
        longer = [found.items[0].model_copy(update={"duration": 20_000}), *found.items[1:]]
        found.follow_playlist(longer, found.playlist_revision, time=3_000, clock=0)
        found.version += 1
        await one.connection.show(found)
        await one.until("snapshot", 2)

        assert [frame["items"][0]["duration"] for frame in one.channel.of_type("items")] == [10_000, 20_000]


async def test_sync_sends_the_items_and_the_snapshot_again() -> None:
    async with held() as one:
        await one.until("snapshot")
        one.channel.say({"type": "sync"})
        await one.until("snapshot", 2)

        assert len(one.channel.of_type("items")) == 2


async def test_reports_of_the_client_decide_its_status() -> None:
    async with held() as one:
        before = one.connection.status()
        one.channel.say({"type": "status", "status": "ready", "revision": 1, "position": 0})
        await eventually(lambda: one.connection.status() is MemberStatus.READY)
        one.channel.say({"type": "status", "status": "stalled", "revision": 1, "position": 0})
        await eventually(lambda: one.connection.status() is MemberStatus.STALLED)

        assert before is MemberStatus.STALLED


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        ("no JSON", ValidationError),
        (b"\x00", ValidationError),
        ('{"type": "dance", "id": "1"}', ValidationError),
        ('{"type": "seek", "id": "1", "item_id": "item_0", "position": -1}', ValidationError),
        ('{"type": "reaction", "id": "1", "reaction": "much too long a reaction"}', ValidationError),
        ('{"type": "ping", "sent": 1, "more": 1}', ValidationError),
        ('{"type": "sync", "x": "' + "x" * 5_000 + '"}', BodyTooLargeError),
    ],
)
async def test_frames_that_are_not_valid_end_the_connection(frame: str | bytes, refusal: type[EchoError]) -> None:
    async with held() as one:
        one.channel.say(frame)

        assert type(await one.refusal()) is refusal


async def test_too_many_frames_end_the_connection_and_too_many_commands_are_refused() -> None:
    async with held() as one:
        one.channel.say(*[{"type": "play", "id": str(number)} for number in range(12)])
        await one.until("refused", 2)
        one.channel.say(*[{"type": "sync"}] * 25)

        assert type(await one.refusal()) is RateLimitedError
        assert [frame["code"] for frame in one.channel.of_type("refused")] == ["RATE_LIMITED"] * 2


async def test_a_member_who_left_is_disconnected() -> None:
    found = session()
    async with held(found) as one:
        found.join(str(found.code), "usr_eve", "Eve", most=5)
        found.leave("usr_ada")
        await one.connection.show(found)

        assert type(await one.refusal()) is NotAMemberError


async def test_the_end_of_the_session_is_the_last_frame() -> None:
    found = session()
    async with held(found) as one:
        found.end()
        await one.connection.show(found)
        await one.holding

        assert one.channel.frames[-1] == {"type": "ended"}


async def test_a_client_that_does_not_read_gets_the_newest_state_alone() -> None:
    found = session()
    async with held(found) as one:
        await one.until("snapshot")
        one.channel.blocked.clear()
        for place in range(40):
            command = "play" if place % 2 == 0 else "pause"
            found.apply(lambda timeline, command=command: getattr(timeline, command), time=2_000, clock=0)  # type: ignore[misc]
            found.version += 1
            await one.connection.show(found.model_copy())
        one.channel.blocked.set()
        await eventually(lambda: one.channel.of_type("snapshot")[-1]["revision"] == 41)

        assert len(one.channel.of_type("snapshot")) <= 3


async def test_a_client_that_does_not_read_reactions_is_disconnected() -> None:
    async with held() as one:
        await one.until("snapshot")
        one.channel.blocked.clear()
        frame = ReactionSentFrame(user_id="usr_eve", reaction="!", item_id=None, position=0, at=0)
        for _ in range(70):
            one.connection.show_reaction(frame)

        assert type(await one.refusal()) is RateLimitedError
