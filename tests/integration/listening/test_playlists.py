"""Playlists: items, revisions, updates, earlier states, collaborators, and deletions that reach them."""

import asyncio
from functools import partial
from typing import Any

import pytest

from echo_common.contracts.events.listening import PlaylistDeleted, PlaylistUpdated
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_listening.domain import playlists as domain
from echo_listening.domain.playlists import KEPT_STATES, Playlist
from echo_listening.domain.tracks import Track
from echo_listening.usecases import playlists, tracks
from tests.integration.listening.conftest import ListeningClient, Start, audio_of
from tests.support.eventually import eventually
from tests.support.person import data, refusal


async def tracks_of(client: ListeningClient, number: int) -> list[str]:
    """Add tracks of speech, and return their ids."""
    events = [audio_of(client.user_id) for _ in range(number)]
    for event in events:
        await tracks.add_speech(event, client.deps)
    return [Track.id_of_speech(event.audio_id) for event in events]


async def created(client: ListeningClient, *track_ids: str, name: str = "Evening", **fields: Any) -> dict[str, Any]:
    body = {"name": name, "track_ids": list(track_ids), **fields}
    playlist: dict[str, Any] = data(await client.ask("POST", "/playlists", json=body), 201)
    return playlist


async def send(client: ListeningClient, method: str, playlist: dict[str, Any], path: str = "", **body: Any) -> dict[str, Any]:
    response = await client.ask(method, f"/playlists/{playlist['id']}{path}", json=body)
    changed: dict[str, Any] = data(response)
    return changed


async def shared(owner: ListeningClient, other: ListeningClient, playlist: dict[str, Any], role: str = "editor") -> None:
    await send(owner, "PUT", playlist, f"/collaborators/{other.user_id}", role=role)


def track_ids(playlist: dict[str, Any]) -> list[str]:
    return [item["track_id"] for item in playlist["items"]]


def item_ids(playlist: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in playlist["items"]]


async def updates_of(client: ListeningClient, playlist: dict[str, Any]) -> list[tuple[int, str, list[str], str | None]]:
    """Return the updates, oldest first."""
    found = await client.get(f"/playlists/{playlist['id']}/updates", limit=100, sort_order="asc")
    return [(each["revision"], each["type"], each["track_ids"], each["user_id"]) for each in found]


async def test_a_playlist_holds_tracks_in_order(ada: ListeningClient) -> None:
    first, second = await tracks_of(ada, 2)
    response = await ada.ask("POST", "/playlists", json={"name": "Evening", "track_ids": [second, first, second]})
    playlist = data(response, 201)

    assert response.headers["ETag"] == '"1"'
    assert track_ids(playlist) == [second, first, second]
    assert len(set(item_ids(playlist))) == 3
    expected = {"role": "owner", "revision": 1, "track_count": 3, "duration": 30.0, "collaborators": [], "session_id": None}
    assert playlist.items() >= expected.items()
    assert await ada.get(f"/playlists/{playlist['id']}") == playlist


async def test_items_are_added_removed_moved_and_reordered(ada: ListeningClient) -> None:
    a, b, c, d = await tracks_of(ada, 4)
    playlist = await created(ada, a)
    playlist = await send(ada, "POST", playlist, "/items", track_ids=[b, c])
    playlist = await send(ada, "POST", playlist, "/items", track_ids=[d], position=1, revision=2)
    assert track_ids(playlist) == [a, d, b, c]

    playlist = await send(ada, "POST", playlist, "/items/move", item_id=item_ids(playlist)[0], position=9, revision=3)
    assert track_ids(playlist) == [d, b, c, a]
    order = item_ids(playlist)[::-1]
    playlist = await send(ada, "PUT", playlist, "/items/order", item_ids=order, revision=4)
    assert track_ids(playlist) == [a, c, b, d]
    playlist = await send(ada, "DELETE", playlist, "/items", item_ids=[order[1], "item_unknown"])
    assert track_ids(playlist) == [a, b, d]

    assert await updates_of(ada, playlist) == [
        (1, "create", [a], "usr_ada"),
        (2, "add", [b, c], "usr_ada"),
        (3, "add", [d], "usr_ada"),
        (4, "reorder", [a], "usr_ada"),
        (5, "reorder", [a, c, b, d], "usr_ada"),
        (6, "remove", [c], "usr_ada"),
    ]


async def test_name_and_description_change(ada: ListeningClient) -> None:
    playlist = await created(ada)
    playlist = await send(ada, "PATCH", playlist, description="Quiet.")
    playlist = await send(ada, "PATCH", playlist, name="Night", description=None)

    assert (playlist["name"], playlist["description"], playlist["revision"]) == ("Night", None, 3)
    assert [update[1] for update in await updates_of(ada, playlist)] == ["create", "describe", "rename"]


async def test_a_change_that_changes_nothing_makes_no_revision(ada: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 2))
    await send(ada, "PATCH", playlist, name="Evening")
    await send(ada, "PUT", playlist, "/items/order", item_ids=item_ids(playlist), revision=1)
    await send(ada, "POST", playlist, "/items/move", item_id=item_ids(playlist)[1], position=7, revision=1)
    await send(ada, "DELETE", playlist, "/items", item_ids=["item_unknown"])
    unchanged = await send(ada, "POST", playlist, "/updates/1/restore", revision=1)

    assert unchanged == playlist


async def test_a_stale_revision_is_refused_with_the_current_state(ada: ListeningClient) -> None:
    first, second = await tracks_of(ada, 2)
    playlist = await created(ada, first, description="Quiet.")
    current = await send(ada, "POST", playlist, "/items", track_ids=[second])
    items = item_ids(current)
    for method, path, body in (
        ("PATCH", "", {"name": "Night"}),
        ("POST", "/items", {"track_ids": [first]}),
        ("DELETE", "/items", {"item_ids": items}),
        ("PUT", "/items/order", {"item_ids": items[::-1]}),
        ("POST", "/items/move", {"item_id": items[0], "position": 1}),
        ("POST", "/updates/1/restore", {}),
    ):
        response = await ada.ask(method, f"/playlists/{playlist['id']}{path}", json={**body, "revision": 1})
        assert refusal(response) == (409, "PLAYLIST_CHANGED"), path
        state = response.json()["error"]["details"]
        assert state == {name: current[name] for name in ("revision", "name", "description", "items")}

    assert await ada.get(f"/playlists/{playlist['id']}") == current


@pytest.mark.parametrize("change", [lambda ids: ids[:1], lambda ids: [*ids, ids[0]], lambda ids: [ids[0], "item_unknown"]])
async def test_an_order_must_have_each_item_once(change: Any, ada: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 2))
    body = {"item_ids": change(item_ids(playlist)), "revision": 1}
    response = await ada.ask("PUT", f"/playlists/{playlist['id']}/items/order", json=body)
    assert refusal(response) == (422, "VALIDATION_ERROR")

    response = await ada.ask("PUT", f"/playlists/{playlist['id']}/items/order", json={"item_ids": item_ids(playlist)})
    assert refusal(response) == (422, "VALIDATION_ERROR")


async def test_concurrent_additions_of_two_users_are_all_kept(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = await created(ada)
    await shared(ada, eve, playlist)
    adding = [(client, track_id) for client in (ada, eve) for track_id in await tracks_of(client, 4)]
    await asyncio.gather(*(send(client, "POST", playlist, "/items", track_ids=[track_id]) for client, track_id in adding))

    found = await ada.get(f"/playlists/{playlist['id']}")
    assert sorted(track_ids(found)) == sorted(track_id for _, track_id in adding)
    assert {item["added_by"] for item in found["items"]} == {"usr_ada", "usr_eve"}
    updates = await updates_of(ada, playlist)
    assert [update[0] for update in updates] == list(range(1, 10))
    assert [update[2] for update in updates[1:]] == [[track_id] for track_id in track_ids(found)]


async def test_of_two_concurrent_orders_one_is_refused(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 3))
    await shared(ada, eve, playlist)
    ids = item_ids(playlist)
    orders = {ada.user_id: ids[::-1], eve.user_id: [ids[1], ids[0], ids[2]]}
    responses = await asyncio.gather(
        *(
            client.ask(
                "PUT",
                f"/playlists/{playlist['id']}/items/order",
                json={"item_ids": orders[client.user_id], "revision": 1},
            )
            for client in (ada, eve)
        )
    )

    [applied] = [data(response) for response in responses if response.is_success]
    [refused] = [response for response in responses if not response.is_success]
    assert refusal(refused) == (409, "PLAYLIST_CHANGED")
    assert item_ids(refused.json()["error"]["details"]) == item_ids(applied)


async def test_earlier_states_are_restored(ada: ListeningClient) -> None:
    a, b = await tracks_of(ada, 2)
    before = await created(ada, a, b)
    playlist = await send(ada, "PATCH", before, name="Night", description="Late.")
    playlist = await send(ada, "DELETE", playlist, "/items", item_ids=item_ids(playlist)[:1])
    restored = await send(ada, "POST", playlist, "/updates/1/restore", revision=3)

    assert {name: restored[name] for name in ("name", "description", "items")} == {
        name: before[name] for name in ("name", "description", "items")
    }
    assert (await updates_of(ada, playlist))[-1] == (4, "restore", [a], "usr_ada")
    again = await send(ada, "POST", playlist, "/updates/3/restore", revision=4)
    assert (again["name"], track_ids(again)) == ("Night", [b])


async def test_a_restored_state_leaves_out_tracks_that_are_gone(ada: ListeningClient, eve: ListeningClient) -> None:
    [mine, deleted], [hers] = await tracks_of(ada, 2), await tracks_of(eve, 1)
    playlist = await created(ada, mine, deleted)
    await shared(ada, eve, playlist)
    playlist = await send(eve, "POST", playlist, "/items", track_ids=[hers])
    data(await eve.ask("DELETE", f"/playlists/{playlist['id']}/collaborators/usr_eve"))
    await tracks.remove_speech((await ada.get(f"/tracks/{deleted}"))["audio_id"], ada.deps)
    await playlists.remove_tracks([deleted], ada.deps)
    playlist = await send(ada, "DELETE", playlist, "/items", item_ids=item_ids(playlist))
    assert track_ids(playlist) == []

    restored = await send(ada, "POST", playlist, "/updates/2/restore", revision=playlist["revision"])
    assert track_ids(restored) == [mine]


async def test_the_states_of_the_last_hundred_updates_are_kept(ada: ListeningClient) -> None:
    playlist = await created(ada)
    for number in range(KEPT_STATES + 2):
        rename = partial(Playlist.describe, name=str(number), description=None, user_id="usr_ada")
        await ada.deps.playlists.change(playlist["id"], rename)
    revision = KEPT_STATES + 3

    found = await ada.get(f"/playlists/{playlist['id']}/updates", limit=100)
    earlier = await ada.get(f"/playlists/{playlist['id']}/updates", limit=100, offset=100)
    assert [update["revision"] for update in (*found, *earlier)] == list(range(revision, 0, -1))
    assert [update["revision"] for update in earlier if not update["restorable"]] == [3, 2, 1]
    for restored in (1, 3, revision + 1):
        response = await ada.ask("POST", f"/playlists/{playlist['id']}/updates/{restored}/restore", json={"revision": revision})
        assert refusal(response) == (404, "PLAYLIST_REVISION_NOT_FOUND")
    assert (await send(ada, "POST", playlist, "/updates/4/restore", revision=revision))["name"] == "2"


async def test_fewer_states_of_long_playlists_are_kept(ada: ListeningClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "KEPT_ITEMS", 6)
    playlist = await created(ada, *await tracks_of(ada, 3))
    for name in "abc":
        playlist = await send(ada, "PATCH", playlist, name=name)

    updates = await ada.get(f"/playlists/{playlist['id']}/updates")
    assert [(update["revision"], update["restorable"]) for update in updates] == [(4, True), (3, True), (2, False), (1, False)]
    response = await ada.ask("POST", f"/playlists/{playlist['id']}/updates/2/restore", json={"revision": 4})
    assert refusal(response) == (404, "PLAYLIST_REVISION_NOT_FOUND")
    assert (await send(ada, "POST", playlist, "/updates/3/restore", revision=4))["name"] == "b"


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_updates_are_listed_in_pages(order: str, ada: ListeningClient) -> None:
    playlist = await created(ada)
    for name in "abcd":
        await send(ada, "PATCH", playlist, name=name)
    path = f"/playlists/{playlist['id']}/updates"
    pages = [await ada.get(path, page=page, page_size=2, sort_order=order) for page in (1, 2, 3, 4)]

    found = [[update["revision"] for update in page] for page in pages]
    assert found == ([[1, 2], [3, 4], [5], []] if order == "asc" else [[5, 4], [3, 2], [1], []])
    assert (await ada.ask("GET", path, params={"limit": 1})).json()["meta"]["pagination"]["total_count"] == 5


async def test_only_own_tracks_can_be_added(ada: ListeningClient, eve: ListeningClient) -> None:
    [hers] = await tracks_of(eve, 1)
    playlist = await created(ada)
    for request in (
        ada.ask("POST", f"/playlists/{playlist['id']}/items", json={"track_ids": [hers, "track_none"]}),
        ada.ask("POST", "/playlists", json={"name": "Other", "track_ids": [hers, "track_none"]}),
    ):
        response = await request
        assert refusal(response) == (404, "TRACK_NOT_FOUND")
        assert response.json()["error"]["details"] == {"track_ids": [hers, "track_none"]}
    assert [found["revision"] for found in await ada.get("/playlists")] == [1]


async def test_tracks_and_playlists_are_limited(start: Start) -> None:
    async with start(playlist_tracks=2, playlists_per_user=1) as ada:
        a, b, c = await tracks_of(ada, 3)
        too_many = await ada.ask("POST", "/playlists", json={"name": "Evening", "track_ids": [a, b, c]})
        assert refusal(too_many) == (409, "PLAYLIST_FULL")
        playlist = await created(ada, a, b)
        added = await ada.ask("POST", f"/playlists/{playlist['id']}/items", json={"track_ids": [c]})
        assert refusal(added) == (409, "PLAYLIST_FULL")
        assert refusal(await ada.ask("POST", "/playlists", json={"name": "Night"})) == (409, "PLAYLIST_LIMIT_CONFLICT")
        assert await ada.get(f"/playlists/{playlist['id']}") == playlist


async def test_a_deleted_playlist_leaves_no_updates(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = await created(ada)
    await shared(ada, eve, playlist)
    await send(ada, "PATCH", playlist, name="Night")
    data(await ada.ask("DELETE", f"/playlists/{playlist['id']}"))

    for client in (ada, eve):
        assert refusal(await client.ask("GET", f"/playlists/{playlist['id']}")) == (404, "PLAYLIST_NOT_FOUND")
    assert await ada.deps.playlist_updates.count({}) == 0
    await eventually(lambda: PlaylistDeleted.topic in [message.topic for message in ada.heard])


async def test_a_deleted_audio_leaves_all_playlists_in_an_update_of_the_platform(
    ada: ListeningClient, eve: ListeningClient
) -> None:
    kept, deleted = await tracks_of(ada, 2)
    mine, hers = await created(ada, deleted, kept, deleted), await created(eve)
    await shared(eve, ada, hers)
    await send(ada, "POST", hers, "/items", track_ids=[deleted])
    await ada.publish(AudioDeleted(audio_id=(await ada.get(f"/tracks/{deleted}"))["audio_id"], user_id="usr_ada"))

    async def removed() -> bool:
        held = [await eve.get(f"/playlists/{hers['id']}"), await ada.get(f"/playlists/{mine['id']}")]
        return [track_ids(playlist) for playlist in held] == [[], [kept]]

    await eventually(removed)
    assert (await updates_of(ada, mine))[-1] == (2, "remove", [deleted], None)
    assert (await updates_of(ada, hers))[-1] == (3, "remove", [deleted], None)


async def test_a_track_that_is_deleted_while_it_is_added_does_not_stay(
    ada: ListeningClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    [track_id] = await tracks_of(ada, 1)
    playlist = await created(ada)
    audio_id = (await ada.get(f"/tracks/{track_id}"))["audio_id"]

    async def delete_meanwhile(_: str) -> None:
        monkeypatch.undo()
        await tracks.remove_speech(audio_id, ada.deps)
        await playlists.remove_tracks([track_id], ada.deps)

    monkeypatch.setattr(ada.deps.faults, "reach", delete_meanwhile)
    changed = await send(ada, "POST", playlist, "/items", track_ids=[track_id])

    assert (changed["items"], changed["revision"]) == ([], 3)


async def test_changes_are_published(ada: ListeningClient) -> None:
    [track_id] = await tracks_of(ada, 1)
    playlist = await created(ada)
    await send(ada, "POST", playlist, "/items", track_ids=[track_id])

    def published() -> list[PlaylistUpdated]:
        found = [message for message in ada.heard if message.topic == PlaylistUpdated.topic]
        return [PlaylistUpdated.model_validate_json(message.body) for message in found]

    await eventually(lambda: len(published()) == 2)
    assert [(event.playlist_id, event.revision, event.type, event.track_ids, event.user_id) for event in published()] == [
        (playlist["id"], 1, "create", (), "usr_ada"),
        (playlist["id"], 2, "add", (track_id,), "usr_ada"),
    ]


@pytest.mark.parametrize("scope", ["listening:read", "speech:write"])
async def test_changing_playlists_needs_the_scope_for_writing(scope: str, ada: ListeningClient) -> None:
    limited = ada.acting_as("usr_ada", scope=scope)

    assert refusal(await limited.ask("POST", "/playlists", json={"name": "Evening"})) == (403, "FORBIDDEN")
