"""Playlists of two users, from speech to a restored state, in both modes."""

from typing import Any

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal


async def track_of(person: Person, text: str) -> tuple[str, str]:
    """Speak, and return the ids of the audio and of its track once the track is known."""
    audio_id = (await person.speak(text))["audio_id"]
    track_id = f"track_{audio_id.partition('_')[2]}"

    async def known() -> bool:
        return (await person.http.get(f"/tracks/{track_id}")).is_success

    await eventually(known)
    return audio_id, track_id


async def send(person: Person, method: str, path: str, **body: Any) -> Any:
    return data(await person.http.request(method, path, json=body))


async def test_two_users_edit_a_playlist(ada: Person, eve: Person) -> None:
    (audio_id, first), (_, second) = await track_of(ada, "The first track."), await track_of(eve, "The second track.")
    eve_id = data(await eve.http.get("/users/me"))["id"]
    playlist = data(await ada.http.post("/playlists", json={"name": "Evening", "track_ids": [first]}), 201)
    path = f"/playlists/{playlist['id']}"
    assert refusal(await eve.http.get(path)) == (404, "PLAYLIST_NOT_FOUND")

    await send(ada, "PUT", f"{path}/collaborators/{eve_id}", role="editor")
    playlist = await send(eve, "POST", f"{path}/items", track_ids=[second], position=0)
    items = [item["item_id"] for item in playlist["items"]]
    stale = await ada.http.put(f"{path}/items/order", json={"item_ids": items[::-1], "revision": 1})
    assert refusal(stale) == (409, "PLAYLIST_CHANGED")
    await send(ada, "PUT", f"{path}/items/order", item_ids=items[::-1], revision=2)
    await send(eve, "POST", f"{path}/items/move", item_id=items[0], position=0, revision=3)
    await send(ada, "DELETE", f"{path}/items", item_ids=[items[0]], revision=4)
    restored = await send(eve, "POST", f"{path}/updates/3/restore", revision=5)
    assert [item["track_id"] for item in restored["items"]] == [first, second]
    assert restored["duration"] > 0

    data(await ada.http.delete(f"/tts/{audio_id}"))

    async def removed() -> bool:
        return [item["track_id"] for item in data(await eve.http.get(path))["items"]] == [second]

    await eventually(removed)
    updates = data(await ada.http.get(f"{path}/updates"))
    assert [update["type"] for update in updates] == ["remove", "restore", "remove", "reorder", "reorder", "add", "create"]
    assert updates[0]["user_id"] is None
