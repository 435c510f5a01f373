"""Playlists are shared with collaborators, whose roles limit what they may do."""

from typing import Any

from tests.integration.listening.conftest import ListeningClient
from tests.integration.listening.test_playlists import (
    created,
    item_ids,
    send,
    shared,
    track_ids,
    tracks_of,
    updates_of,
)
from tests.support.person import data, refusal


async def test_playlists_are_listed_by_role_and_name(ada: ListeningClient, eve: ListeningClient) -> None:
    mine, edited, viewed = [await created(client, name=name) for client, name in ((ada, "b"), (eve, "A"), (eve, "C"))]
    await created(eve, name="private")
    await shared(eve, ada, edited)
    await shared(eve, ada, viewed, role="viewer")

    assert [found["id"] for found in await ada.get("/playlists")] == [viewed["id"], edited["id"], mine["id"]]
    assert [found["name"] for found in await ada.get("/playlists", sort_by="name", sort_order="asc")] == ["A", "b", "C"]
    assert [found["id"] for found in await ada.get("/playlists", search="a")] == [edited["id"]]
    for role, expected in (("owner", mine), ("editor", edited), ("viewer", viewed)):
        assert [(found["id"], found["role"]) for found in await ada.get("/playlists", role=role)] == [(expected["id"], role)]


async def test_roles_limit_what_collaborators_may_do(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = await created(ada, *await tracks_of(ada, 2))
    path, ids = f"/playlists/{playlist['id']}", item_ids(playlist)
    edits: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", "", {"name": "Night"}),
        ("POST", "/items", {"track_ids": await tracks_of(eve, 1)}),
        ("DELETE", "/items", {"item_ids": ids[:1]}),
        ("PUT", "/items/order", {"item_ids": ids[::-1], "revision": 1}),
        ("POST", "/items/move", {"item_id": ids[0], "position": 1, "revision": 1}),
        ("POST", "/updates/1/restore", {"revision": 1}),
    ]
    owners: list[tuple[str, str, dict[str, Any]]] = [
        ("DELETE", "", {}),
        ("PUT", "/collaborators/usr_eve", {"role": "editor"}),
    ]

    async def refusals(requests: list[tuple[str, str, dict[str, Any]]]) -> set[tuple[int, str]]:
        return {refusal(await eve.ask(method, path + place, json=body)) for method, place, body in requests}

    assert await refusals([("GET", "", {}), ("GET", "/updates", {}), *edits, *owners]) == {(404, "PLAYLIST_NOT_FOUND")}
    await shared(ada, eve, playlist, role="viewer")
    assert (await eve.get(path))["role"] == "viewer"
    assert await refusals([*edits, *owners]) == {(403, "PLAYLIST_ROLE_REQUIRED")}
    assert await ada.get(path) == playlist | {"collaborators": [{"user_id": "usr_eve", "role": "viewer"}]} | {
        "updated_at": (await ada.get(path))["updated_at"]
    }
    await shared(ada, eve, playlist)
    assert await refusals(owners) == {(403, "PLAYLIST_ROLE_REQUIRED")}
    await send(eve, "PATCH", playlist, name="Night")


async def test_a_collaborator_who_leaves_takes_their_tracks_along(ada: ListeningClient, eve: ListeningClient) -> None:
    [mine], [hers] = await tracks_of(ada, 1), await tracks_of(eve, 1)
    playlist = await created(ada, mine)
    await shared(ada, eve, playlist)
    await send(eve, "POST", playlist, "/items", track_ids=[hers])
    data(await eve.ask("DELETE", f"/playlists/{playlist['id']}/collaborators/usr_eve"))

    left = await ada.get(f"/playlists/{playlist['id']}")
    assert (track_ids(left), left["collaborators"]) == ([mine], [])
    assert (await updates_of(ada, playlist))[-1] == (3, "remove", [hers], "usr_eve")
    assert await eve.get("/playlists") == []


async def test_collaborators_must_exist(ada: ListeningClient) -> None:
    playlist = await created(ada)
    for user_id in ("usr_nobody", "usr_ada"):
        response = await ada.ask("PUT", f"/playlists/{playlist['id']}/collaborators/{user_id}", json={"role": "viewer"})
        assert refusal(response) == (404, "USER_NOT_FOUND")
        response = await ada.ask("DELETE", f"/playlists/{playlist['id']}/collaborators/{user_id}")
        assert refusal(response) == (404, "USER_NOT_FOUND")


async def test_tracks_in_several_shared_playlists_are_found_together(ada: ListeningClient, eve: ListeningClient) -> None:
    a, b, c, other = await tracks_of(ada, 4)
    for some in ((a, b), (b, c)):
        await shared(ada, eve, await created(ada, *some), role="viewer")
    await created(ada, other)

    assert await ada.deps.playlists.find_audible([a, b, c, other], "usr_eve") == {a, b, c}
    assert await ada.deps.playlists.find_audible([a, b, c, other], "usr_mallory") == set()


async def test_collaborators_may_hear_the_tracks_of_a_playlist(ada: ListeningClient, eve: ListeningClient) -> None:
    shared_track, other_track = await tracks_of(ada, 2)
    playlist = await created(ada, shared_track)
    await created(ada, other_track)
    path = f"/tracks/{shared_track}/audio"
    assert refusal(await eve.ask("GET", path)) == (404, "TRACK_NOT_FOUND")

    await shared(ada, eve, playlist, role="viewer")
    assert refusal(await eve.ask("GET", path)) == (409, "TRACK_WITHOUT_AUDIO")  # its file is missing
    assert refusal(await eve.ask("GET", f"/tracks/{other_track}/audio")) == (404, "TRACK_NOT_FOUND")
    data(await ada.ask("DELETE", f"/playlists/{playlist['id']}/collaborators/usr_eve"))
    assert refusal(await eve.ask("GET", path)) == (404, "TRACK_NOT_FOUND")
