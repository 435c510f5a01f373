"""Group sessions over HTTP: create, join by code, leave, end; playlists and users that are deleted."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.events.listening import GroupSessionEnded, GroupSessionStarted
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.contracts.values import MemberStatus
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.listening.test_playlists import created, item_ids, send, shared, tracks_of
from tests.support.eventually import eventually
from tests.support.person import data, refusal


async def started(client: ListeningClient, playlist: dict[str, Any] | None = None, name: str = "Friday") -> dict[str, Any]:
    """Create a group session of a playlist with two tracks."""
    listed = playlist or await created(client, *await tracks_of(client, 2))
    body = {"name": name, "playlist_id": listed["id"], "display_name": "Ada"}
    session: dict[str, Any] = data(await client.ask("POST", "/group-sessions", json=body), 201)
    return session


async def join(client: ListeningClient, session: dict[str, Any], name: str = "Eve") -> dict[str, Any]:
    body = {"code": session["code"], "display_name": name}
    joined: dict[str, Any] = data(await client.ask("POST", "/group-sessions/join", json=body))
    return joined


async def act(client: ListeningClient, method: str, session: dict[str, Any], path: str = "", **body: Any) -> Any:
    return await client.ask(method, f"/group-sessions/{session['id']}{path}", **({"json": body} if body else {}))


async def test_a_session_is_created_joined_and_listed(ada: ListeningClient, eve: ListeningClient) -> None:
    session = await started(ada)
    assert (session["role"], session["active"], len(session["code"])) == ("host", True, 8)
    assert (session["playback"]["state"], session["playback"]["position"]) == ("paused", 0)
    assert refusal(await act(eve, "GET", session)) == (404, "GROUP_SESSION_NOT_FOUND")

    joined = await join(eve, {"code": f" {session['code'][:4].lower()}-{session['code'][4:]} "})
    assert (joined["id"], joined["role"]) == (session["id"], "member")
    assert [(member["display_name"], member["role"], member["status"]) for member in joined["members"]] == [
        ("Ada", "host", "away"),
        ("Eve", "member", "away"),
    ]
    assert [found["id"] for found in await eve.get("/group-sessions", active="true")] == [session["id"]]
    assert await eve.get("/group-sessions", active="false") == []


async def test_wrong_codes_are_limited_for_the_user_and_right_ones_do_not_count(
    ada: ListeningClient, eve: ListeningClient
) -> None:
    session = await started(ada)
    for _ in range(12):
        await join(eve, session)
    wrong = {"code": "00000000", "display_name": "Eve"}
    refusals = [refusal(await eve.ask("POST", "/group-sessions/join", json=wrong)) for _ in range(11)]

    assert refusals == [(404, "JOIN_CODE_NOT_FOUND")] * 10 + [(429, "TOO_MANY_ATTEMPTS")]
    limited = await eve.ask("POST", "/group-sessions/join", json={**wrong, "code": session["code"]})
    assert refusal(limited) == (429, "TOO_MANY_ATTEMPTS")
    assert 0 < int(limited.headers["Retry-After"]) <= 900


async def test_wrong_codes_are_limited_for_the_network_in_all_replicas(start: Start) -> None:
    async with start() as one, start() as two:
        wrong = {"code": "00000000", "display_name": "Eve"}

        async def guess(number: int) -> tuple[int, str]:
            client = (one, two)[number % 2].acting_as(f"usr_{number // 5}")
            return refusal(await client.ask("POST", "/group-sessions/join", json=wrong))

        found = await asyncio.gather(*(guess(number) for number in range(40)))
        assert found.count((404, "JOIN_CODE_NOT_FOUND")) == 30
        assert found.count((429, "TOO_MANY_ATTEMPTS")) == 10


async def test_a_replaced_code_is_invalid(ada: ListeningClient, eve: ListeningClient) -> None:
    session = await started(ada)
    replaced = data(await act(ada, "POST", session, "/code"))

    joining = await eve.ask("POST", "/group-sessions/join", json={"code": session["code"], "display_name": "Eve"})
    assert refusal(joining) == (404, "JOIN_CODE_NOT_FOUND")
    await join(eve, replaced)


async def test_a_member_may_not_do_what_the_host_may(ada: ListeningClient, eve: ListeningClient) -> None:
    session = await started(ada)
    await join(eve, session)

    for method, path, body in (
        ("PATCH", "", {"name": "Mine"}),
        ("POST", "/code", {}),
        ("POST", "/end", {}),
        ("DELETE", "/members/usr_ada", {}),
    ):
        assert refusal(await act(eve, method, session, path, **body)) == (403, "HOST_REQUIRED")


async def test_the_next_member_is_host_when_the_host_leaves(ada: ListeningClient, eve: ListeningClient) -> None:
    session = await started(ada)
    await join(eve, session)
    data(await act(ada, "POST", session, "/leave"))

    assert refusal(await act(ada, "GET", session)) == (404, "GROUP_SESSION_NOT_FOUND")
    assert data(await act(eve, "GET", session))["role"] == "host"
    data(await act(eve, "POST", session, "/leave"))
    assert await ada.deps.group_sessions.count({"playlist_id": session["playlist_id"]}) == 0


async def test_a_removed_member_has_no_access_and_needs_a_new_code(ada: ListeningClient, eve: ListeningClient) -> None:
    session = await started(ada)
    await join(eve, session)
    data(await act(ada, "DELETE", session, "/members/usr_eve"))

    assert refusal(await act(eve, "GET", session)) == (404, "GROUP_SESSION_NOT_FOUND")
    again = await eve.ask("POST", "/group-sessions/join", json={"code": session["code"], "display_name": "Eve"})
    assert refusal(again) == (404, "JOIN_CODE_NOT_FOUND")
    await join(eve, data(await act(ada, "POST", session, "/code")))
    assert refusal(await act(ada, "DELETE", session, "/members/usr_bob")) == (404, "GROUP_MEMBER_NOT_FOUND")


async def test_an_ended_session_is_announced_and_frees_its_playlist(ada: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 1))
    session = await started(ada, playlist)
    body = {"name": "Other", "playlist_id": playlist["id"], "display_name": "Ada"}
    assert refusal(await ada.ask("POST", "/group-sessions", json=body)) == (409, "PLAYLIST_IN_SESSION")

    async def named(session_id: str | None) -> bool:
        return bool((await ada.get(f"/playlists/{playlist['id']}"))["session_id"] == session_id)

    await eventually(lambda: named(session["id"]))
    ended = data(await act(ada, "POST", session, "/end"))
    assert (ended["active"], ended["code"]) == (False, None)
    assert refusal(await act(ada, "POST", session, "/code")) == (409, "GROUP_SESSION_ENDED")
    await eventually(lambda: named(None))
    await started(ada, playlist)
    await eventually(lambda: [message.topic for message in ada.heard].count(GroupSessionStarted.topic) == 2)
    assert [message.topic for message in ada.heard].count(GroupSessionEnded.topic) == 1


async def test_a_session_needs_a_playlist_that_the_user_may_change(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = await created(ada)
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Eve"}
    assert refusal(await eve.ask("POST", "/group-sessions", json=body)) == (404, "PLAYLIST_NOT_FOUND")
    await shared(ada, eve, playlist, "viewer")
    assert refusal(await eve.ask("POST", "/group-sessions", json=body)) == (403, "PLAYLIST_ROLE_REQUIRED")
    await shared(ada, eve, playlist, "editor")
    assert (await started(eve, playlist))["host_id"] == "usr_eve"


async def test_members_join_at_once_up_to_the_limit(start: Start) -> None:
    async with start(session_members=4) as ada:
        session = await started(ada)
        body = {"code": session["code"], "display_name": "Guest"}
        responses = await asyncio.gather(
            *(ada.acting_as(f"usr_{number}").ask("POST", "/group-sessions/join", json=body) for number in range(6))
        )

        assert sorted(response.status_code for response in responses) == [200] * 3 + [409] * 3
        assert len(data(await act(ada, "GET", session))["members"]) == 4


async def test_a_user_is_a_member_of_a_limited_number_of_active_sessions(start: Start) -> None:
    async with start(sessions_per_user=2) as ada:
        eve = ada.acting_as("usr_eve")
        own, others = await started(eve), [await started(ada), await started(ada)]
        await join(eve, others[0])
        body = {"code": others[1]["code"], "display_name": "Eve"}
        assert refusal(await eve.ask("POST", "/group-sessions/join", json=body)) == (409, "GROUP_SESSION_LIMIT_CONFLICT")
        await join(eve, others[0], "Evelyn")  # a member already
        data(await act(eve, "POST", own, "/end"))
        await join(eve, others[1])
        refused = {"name": "More", "playlist_id": (await created(eve))["id"], "display_name": "Eve"}
        assert refusal(await eve.ask("POST", "/group-sessions", json=refused)) == (409, "GROUP_SESSION_LIMIT_CONFLICT")


async def test_sessions_that_are_created_at_once_do_not_exceed_the_limit(start: Start) -> None:
    async with start(sessions_per_user=2) as ada:
        bodies = [{"name": "One", "playlist_id": (await created(ada))["id"], "display_name": "Ada"} for _ in range(5)]
        responses = await asyncio.gather(*(ada.ask("POST", "/group-sessions", json=body) for body in bodies))

        assert {response.status_code for response in responses} <= {201, 409}
        assert await ada.deps.group_sessions.count({"members.user_id": "usr_ada"}) <= 2


async def test_changes_of_the_playlist_reach_the_session(ada: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 2))
    session = await started(ada, playlist)
    await send(ada, "DELETE", playlist, "/items", item_ids=item_ids(playlist)[:1])

    async def followed() -> bool:
        playback = data(await act(ada, "GET", session))["playback"]
        return bool(playback["item_id"] == item_ids(playlist)[1] and playback["playlist_revision"] == 2)

    await eventually(followed)


async def test_a_deleted_audio_leaves_the_session(ada: ListeningClient) -> None:
    track = await ada.speech()
    session = await started(ada, await created(ada, track["id"]))
    await ada.publish(AudioDeleted(audio_id=track["audio_id"], user_id="usr_ada"))

    async def empty() -> bool:
        return data(await act(ada, "GET", session))["playback"]["item_id"] is None

    await eventually(empty)


async def test_a_deleted_playlist_ends_its_session(ada: ListeningClient) -> None:
    playlist = await created(ada)
    session = await started(ada, playlist)
    data(await ada.ask("DELETE", f"/playlists/{playlist['id']}"))

    async def ended() -> bool:
        return not data(await act(ada, "GET", session))["active"]

    await eventually(ended)


async def test_members_may_hear_the_tracks_while_the_session_is_active(ada: ListeningClient, eve: ListeningClient) -> None:
    track_id = (await tracks_of(ada, 1))[0]
    session = await started(ada, await created(ada, track_id))
    find_audible = ada.deps.group_sessions.find_audible
    assert not await find_audible([track_id], "usr_eve")
    await join(eve, session)
    assert await find_audible([track_id, "track_other"], "usr_eve") == {track_id}
    path = f"/playlists/{session['playlist_id']}"
    assert [item["track_id"] for item in (await eve.get(f"{path}/timeline"))["items"]] == [track_id]
    ticket = data(await eve.ask("POST", f"{path}/stream/ticket"))["ticket"]
    assert refusal(await eve.ask("GET", path)) == (404, "PLAYLIST_NOT_FOUND")  # members are no collaborators
    data(await act(ada, "POST", session, "/end"))
    assert not await find_audible([track_id], "usr_eve")
    listening = await eve.ask("GET", f"{path}/stream", params={"ticket": ticket}, headers={})
    assert refusal(listening) == (404, "PLAYLIST_NOT_FOUND")


async def test_sessions_without_a_change_or_a_connection_end_after_hours(start: Start) -> None:
    async with start(session_idle_hours=1) as ada:
        idle, connected = await started(ada), await started(ada, await created(ada))
        await asyncio.sleep(0.01)
        created_before = now()
        await asyncio.sleep(0.01)
        await ada.deps.presence.store(connected["id"], "usr_ada", "replica_1", MemberStatus.AWAY, 0)

        assert await ada.deps.idle_sessions.end_due(now() + timedelta(minutes=59)) == 0
        assert await ada.deps.idle_sessions.end_due(created_before + timedelta(hours=1)) == 1
        assert [data(await act(ada, "GET", one))["active"] for one in (idle, connected)] == [False, True]


async def test_sessions_are_deleted_thirty_days_after_their_end(ada: ListeningClient) -> None:
    ended, active = await started(ada), await started(ada)
    data(await act(ada, "POST", ended, "/end"))

    assert await ada.deps.idle_sessions.delete_due(now() + timedelta(days=29)) == 0
    assert await ada.deps.idle_sessions.delete_due(now() + timedelta(days=31)) == 1
    assert refusal(await act(ada, "GET", ended)) == (404, "GROUP_SESSION_NOT_FOUND")
    assert data(await act(ada, "GET", active))["active"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "x" * 201), ("display_name", "\u202eadA"), ("display_name", "x" * 51), ("playlist_id", 1)],
)
async def test_fields_that_are_not_valid_are_refused(ada: ListeningClient, field: str, value: object) -> None:
    body = {"name": "Friday", "playlist_id": "playlist_1", "display_name": "Ada", field: value}

    assert refusal(await ada.ask("POST", "/group-sessions", json=body)) == (422, "VALIDATION_ERROR")
