"""Live group sessions at two replicas on one database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from echo_common.clock import now
from echo_common.outbox.repository import StaleError
from echo_listening.domain.group_sessions import GroupSession
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.listening.test_group_sessions import act, join, started
from tests.integration.listening.test_playlists import created, item_ids, send, tracks_of
from tests.support.eventually import eventually
from tests.support.live_socket import LiveSocket
from tests.support.person import data, refusal


def url_of(client: ListeningClient, session: dict[str, Any], query: str = "") -> str:
    return f"{client.http.base_url.join('/')}group-sessions/{session['id']}/live{query}"


@asynccontextmanager
async def live(client: ListeningClient, session: dict[str, Any]) -> AsyncIterator[LiveSocket]:
    async with LiveSocket.open(url_of(client, session), client.headers) as socket:
        await socket.until("snapshot")
        yield socket


async def refused(
    client: ListeningClient, session: dict[str, Any], query: str = "", headers: Mapping[str, str] | None = None
) -> int:
    """Return the status with which a handshake is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as handshake:
        async with LiveSocket.open(url_of(client, session, query), client.headers if headers is None else headers):
            pass
    return handshake.value.status


async def test_a_command_at_one_replica_reaches_clients_of_the_other(start: Start) -> None:
    async with start() as one, start() as two:
        eve = two.acting_as("usr_eve")
        session = await started(one)
        await join(eve, session)
        async with live(one, session) as here, live(eve, session) as there:
            await here.send("play", id="1")
            accepted = await here.until("accepted", id="1")
            shown = [await each.until("snapshot", revision=accepted["revision"]) for each in (here, there)]
            assert {frame["state"] for frame in shown} == {"playing"}
            assert shown[0]["at"] == shown[1]["at"]

            await there.send("ping", sent=1.5)
            pong = await there.until("pong", sent=1.5)
            await here.send("ping", sent=2.5)
            other = await here.until("pong", sent=2.5)
            assert pong["received"] <= pong["now"]
            assert abs(other["now"] - pong["now"]) < 10_000  # one clock, whatever the replica

            await there.send("reaction", id="2", reaction="\U0001f389")
            assert (await here.until("reaction"))["user_id"] == "usr_eve"


async def test_two_members_who_skip_at_two_replicas_skip_once(start: Start) -> None:
    async with start() as one, start() as two:
        eve = two.acting_as("usr_eve")
        playlist = await created(one, *await tracks_of(one, 3))
        session = await started(one, playlist)
        await join(eve, session)
        async with live(one, session) as here, live(eve, session) as there:
            item_id = item_ids(playlist)[0]
            await asyncio.gather(*(each.send("next", id="1", item_id=item_id) for each in (here, there)))
            await asyncio.gather(*(each.until("accepted", id="1") for each in (here, there)))

            assert data(await act(one, "GET", session))["playback"]["item_id"] == item_ids(playlist)[1]


async def test_commands_at_one_replica_do_not_conflict(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start() as one:
        session = await started(one)
        conflicts: list[StaleError] = []
        save = one.deps.group_sessions.save

        async def counted(held: GroupSession) -> None:
            try:
                await save(held)
            except StaleError as error:
                conflicts.append(error)
                raise

        monkeypatch.setattr(one.deps.group_sessions, "save", counted)
        item_id = session["playback"]["item_id"]
        async with live(one, session) as first, live(one, session) as second, live(one, session) as third:
            for number in range(8):
                for each in (first, second, third):
                    await each.send("seek", id=str(number), item_id=item_id, position=number)
            accepted = [await each.until("accepted", id="7") for each in (first, second, third)]

        assert max(each["revision"] for each in accepted) == session["playback"]["revision"] + 24
        assert not conflicts


async def test_members_see_who_is_ready_stalled_and_away(start: Start) -> None:
    async with start(stall_seconds=1) as one, start(stall_seconds=1) as two:
        eve = two.acting_as("usr_eve")
        session = await started(one)
        await join(eve, session)

        def status(frame: dict[str, Any]) -> str:
            return str(next(each["status"] for each in frame["members"] if each["user_id"] == "usr_eve"))

        async with live(one, session) as here:
            async with live(eve, session) as there:
                await there.send("status", status="ready", revision=1, position=0)
                await _until_status(here, status, "ready")
                await _until_status(here, status, "stalled")  # it has reported nothing since
                await there.send("play", id="1")  # its commands are still accepted
                await there.until("accepted", id="1")
            await _until_status(here, status, "away")


async def _until_status(socket: LiveSocket, status: Callable[[dict[str, Any]], str], wanted: str) -> None:
    await eventually(lambda: any(status(frame) == wanted for frame in socket.of_type("members")), within=20)
    socket.frames.clear()


async def test_a_client_rejoins_by_the_snapshot(start: Start) -> None:
    async with start() as one, start() as two:
        session = await started(one)
        async with live(one, session) as here:
            await here.send("play", id="1")
            await here.until("accepted", id="1")
        async with live(two, session) as there:
            snapshot = await there.until("snapshot")
            assert (snapshot["state"], snapshot["revision"]) == ("playing", 2)
            assert len((await there.until("items"))["items"]) == 2


async def test_a_removed_member_is_disconnected_and_not_let_in_again(start: Start) -> None:
    async with start() as one, start() as two:
        eve = two.acting_as("usr_eve")
        session = await started(one)
        await join(eve, session)
        async with live(eve, session) as there:
            data(await act(one, "DELETE", session, "/members/usr_eve"))
            assert (await there.until("error"))["code"] == "NOT_A_MEMBER"
            assert await there.closed() == 1008
        assert await refused(eve, session) == 404


async def test_the_end_of_a_session_closes_its_connections(start: Start) -> None:
    async with start() as one, start() as two:
        session = await started(one)
        async with live(two, session) as there:
            data(await act(one, "POST", session, "/end"))
            await there.until("ended")
            assert await there.closed() == 1000


async def test_commands_may_be_reserved_for_the_host(start: Start) -> None:
    async with start() as one:
        eve = one.acting_as("usr_eve")
        session = await started(one)
        await join(eve, session)
        data(await act(one, "PATCH", session, members_may_control=False))
        async with live(eve, session) as there, live(one, session) as here:
            await there.send("play", id="1")
            await there.until("refused", id="1", code="HOST_REQUIRED")
            await here.send("play", id="2")
            await here.until("accepted", id="2")


async def test_connections_and_commands_are_measured(start: Start) -> None:
    async with start() as one:
        metrics = one.deps.group_session_metrics
        session = await started(one)

        def connections() -> float:
            return next(sample.value for family in metrics.connections.collect() for sample in family.samples)

        def commands() -> dict[str, float]:
            samples = [sample for family in metrics.commands.collect() for sample in family.samples]
            return {sample.labels["outcome"]: sample.value for sample in samples if sample.name.endswith("_count")}

        async with live(one, session) as here:
            assert connections() == 1
            await here.send("play", id="1")
            await here.until("accepted", id="1")
            await here.send("next", id="2", item_id="item_none")
            await here.until("refused", id="2", code="SESSION_ITEM_NOT_FOUND")
        await eventually(lambda: connections() == 0)
        assert commands() == {"accepted": 1, "refused": 1}


async def test_a_changed_playlist_reaches_live_clients_with_its_items(start: Start) -> None:
    async with start() as one:
        playlist = await created(one, *await tracks_of(one, 2))
        session = await started(one, playlist)
        async with live(one, session) as here:
            added = await send(one, "POST", playlist, "/items", track_ids=await tracks_of(one, 1))
            await here.until("snapshot", playlist_revision=2)
            listed = await here.until("items", playlist_revision=2)
            assert [item["item_id"] for item in listed["items"]] == item_ids(added)


async def test_a_user_has_three_connections_to_a_session(start: Start) -> None:
    async with start() as one:
        session = await started(one)
        async with live(one, session), live(one, session), live(one, session):
            assert await refused(one, session) == 429


async def test_a_process_has_a_limited_number_of_connections(start: Start) -> None:
    async with start(live_connections=1) as one:
        eve = one.acting_as("usr_eve")
        session = await started(one)
        await join(eve, session)
        async with live(one, session):
            assert await refused(eve, session) == 503

        async def free() -> bool:
            with suppress(aiohttp.WSServerHandshakeError):
                async with live(eve, session):
                    return True
            return False

        await eventually(free)


async def test_a_ticket_opens_one_connection_until_its_login_is_revoked(start: Start) -> None:
    async with start() as one:
        session, other = await started(one), await started(one)
        ticket = data(await act(one, "POST", session, "/live/ticket"))
        assert ticket["live_url"] == f"/api/v1/group-sessions/{session['id']}/live?ticket={ticket['ticket']}"
        query = f"?ticket={ticket['ticket']}"
        assert await refused(one, other, query, {}) == 401
        async with LiveSocket.open(url_of(one, session, query), {}) as socket:
            await socket.until("snapshot")
            assert await refused(one, session, query, {}) == 401
            one.issuer.revoked_sessions.append("ses_1")
            assert (await socket.until("error"))["code"] == "UNAUTHENTICATED"
            assert await socket.closed() == 1008


async def test_tickets_are_for_members_with_both_scopes(start: Start) -> None:
    async with start() as one:
        session = await started(one)
        assert refusal(await act(one.acting_as("usr_eve"), "POST", session, "/live/ticket")) == (404, "GROUP_SESSION_NOT_FOUND")
        for scope in ("listening:read", "listening:write"):
            assert refusal(await act(one.acting_as("usr_ada", scope), "POST", session, "/live/ticket")) == (403, "FORBIDDEN")
        data(await act(one, "POST", session, "/end"))
        assert refusal(await act(one, "POST", session, "/live/ticket")) == (409, "GROUP_SESSION_ENDED")


async def test_nothing_of_a_member_stays_after_the_connection(start: Start) -> None:
    async with start() as one:
        session = await started(one)

        async def stored() -> bool:
            return bool(await one.deps.presence.statuses(session["id"], one.deps.session_clock.now()))

        async def removed() -> bool:
            return not await stored()

        async with live(one, session):
            await eventually(stored)
        await eventually(removed)
        assert await one.deps.presence.has_connections_since(session["id"], now() - timedelta(minutes=1))
