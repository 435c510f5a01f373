"""Two users hear a playlist together, in both modes."""

from tests.e2e.test_playlists import track_of
from tests.support.live_socket import LiveSocket
from tests.support.person import Person, data
from tests.support.platform import Platform


async def test_two_users_listen_together(platform: Platform, ada: Person, eve: Person) -> None:
    _, first = await track_of(ada, "The first track.")
    _, second = await track_of(ada, "The second track.")
    playlist = data(await ada.http.post("/playlists", json={"name": "Evening", "track_ids": [first, second]}), 201)
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Ada"}
    session = data(await ada.http.post("/group-sessions", json=body), 201)
    joined = data(await eve.http.post("/group-sessions/join", json={"code": session["code"], "display_name": "Eve"}))
    assert [member["display_name"] for member in joined["members"]] == ["Ada", "Eve"]

    url = f"{platform.url}/api/v1/group-sessions/{session['id']}/live"
    token = {"Authorization": ada.http.headers["Authorization"]}
    ticket = data(await eve.http.post(f"/group-sessions/{session['id']}/live/ticket"))["live_url"]
    async with LiveSocket.open(url, token) as host, LiveSocket.open(f"{platform.url}{ticket}", {}) as guest:
        items = (await guest.until("items"))["items"]
        assert [(item["track_id"], item["skipped"]) for item in items] == [(first, False), (second, False)]
        await guest.send("ping", sent=1.0)
        pong = await guest.until("pong")
        await guest.send("next", id="1", item_id=items[0]["item_id"])
        shown = await host.until("snapshot", item_id=items[1]["item_id"])
        assert shown["at"] > pong["received"]
        data(await ada.http.post(f"/group-sessions/{session['id']}/end"))
        await guest.until("ended")
        assert await guest.closed() == 1000
