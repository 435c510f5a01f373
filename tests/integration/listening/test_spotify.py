"""Links to Spotify: permission with PKCE, tokens that one replica refreshes, and their end."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.encryption import Encryption
from echo_listening.domain.spotify import SpotifyLink
from tests.integration.listening.conftest import ListeningClient, Start
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.spotify_server import CLIENT_ID, SpotifyServer, limited

SECRET = "a secret of thirty-two characters"
PAGE = {"Accept": "text/html"}


@pytest.fixture
async def spotify() -> AsyncIterator[SpotifyServer]:
    async with SpotifyServer.running() as server:
        yield server


def settings_of(spotify: SpotifyServer, **changes: Any) -> dict[str, Any]:
    return {
        "secret": SecretStr(SECRET),
        "spotify_client_id": CLIENT_ID,
        "spotify_accounts_url": spotify.url,
        "spotify_api_url": spotify.url,
        **changes,
    }


@pytest.fixture
async def ada(start: Start, spotify: SpotifyServer) -> AsyncIterator[ListeningClient]:
    async with start(**settings_of(spotify)) as client:
        yield client


async def consent(client: ListeningClient) -> tuple[str, dict[str, str]]:
    """Start a link; return the URL of the consent page, and the headers of the browser when it comes back."""
    response = await client.ask("POST", "/spotify/link")
    url: str = data(response)["url"]
    return url, {"Cookie": response.headers["set-cookie"].partition(";")[0]}


async def call_back(client: ListeningClient, query: dict[str, str], headers: dict[str, str]) -> Any:
    return await client.http.get("/spotify/callback", params=query, headers=headers)


async def linked(client: ListeningClient, spotify: SpotifyServer) -> SpotifyLink:
    url, browser = await consent(client)
    response = await call_back(client, spotify.permit(url), browser)
    assert response.status_code == 200, response.text
    return await client.deps.spotify_links.get(client.user_id)


async def let_expire(client: ListeningClient) -> None:
    def expire(link: SpotifyLink) -> None:
        link.token_expiry = now() - timedelta(seconds=1)

    await client.deps.spotify_links.update(client.user_id, expire)


async def playlists(client: ListeningClient) -> Any:
    return await client.ask("GET", "/spotify/playlists")


async def test_an_account_is_linked(ada: ListeningClient, spotify: SpotifyServer) -> None:
    assert await ada.get("/spotify/link") == {
        **dict.fromkeys(("spotify_user_id", "display_name", "scopes", "linked_at", "status")),
        "linked": False,
    }
    await linked(ada, spotify)

    view = await ada.get("/spotify/link")
    assert (view["linked"], view["spotify_user_id"], view["display_name"], view["status"]) == (True, "ada", "Ada", "active")
    assert "user-library-read" in view["scopes"]


async def test_tokens_are_encrypted_in_the_database(ada: ListeningClient, spotify: SpotifyServer, database: Database) -> None:
    await linked(ada, spotify)
    store = await database.open("listening")
    [document] = [found async for found in store.collection("spotify_links").find({})]
    await store.close()
    login = spotify.logins["ada"]

    assert not any(token in str(document) for token in (*login.access_tokens, login.refresh_token))
    encryption = Encryption(SECRET, "spotify tokens", "ECHO_LISTENING_SECRET")
    assert encryption.decrypt(document["refresh_token"].encode()).decode() == login.refresh_token


async def test_links_and_their_ends_are_announced_without_tokens(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    for _ in range(2):
        await ada.ask("DELETE", "/spotify/link")

    def announced() -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in ada.heard if one.topic.startswith("listening.spotify_")]

    await eventually(lambda: len(announced()) == 2)
    assert [event.keys() - DomainEvent.model_fields.keys() for event in announced()] == [{"user_id"}, {"user_id"}]


async def test_a_state_is_valid_once(ada: ListeningClient, spotify: SpotifyServer) -> None:
    url, browser = await consent(ada)
    query = spotify.permit(url)
    assert (await call_back(ada, query, browser)).status_code == 200

    assert refusal(await call_back(ada, query, browser)) == (400, "SPOTIFY_STATE_INVALID")


@pytest.mark.parametrize("wrong", [{"state": "unknown"}, {"state": ""}, {"state": "é"}])
async def test_a_wrong_state_stores_nothing(wrong: dict[str, str], ada: ListeningClient, spotify: SpotifyServer) -> None:
    url, browser = await consent(ada)

    assert refusal(await call_back(ada, spotify.permit(url) | wrong, browser)) == (400, "SPOTIFY_STATE_INVALID")
    assert await ada.deps.spotify_links.count({}) == 0
    assert spotify.requests == []


async def test_a_link_that_another_browser_started_is_refused(ada: ListeningClient, spotify: SpotifyServer) -> None:
    url, _ = await consent(ada)
    _, other_browser = await consent(ada)

    for browser in (other_browser, {}):
        assert refusal(await call_back(ada, spotify.permit(url), browser)) == (400, "SPOTIFY_STATE_INVALID")
    assert await ada.deps.spotify_links.count({}) == 0


async def test_a_state_expires(ada: ListeningClient, spotify: SpotifyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url, browser = await consent(ada)
    later = now() + timedelta(minutes=10, seconds=1)
    monkeypatch.setattr("echo_common.challenges.now", lambda: later)

    assert refusal(await call_back(ada, spotify.permit(url), browser)) == (400, "SPOTIFY_STATE_INVALID")


async def test_a_user_may_decline(ada: ListeningClient, spotify: SpotifyServer) -> None:
    url, browser = await consent(ada)
    query = {"error": "access_denied", "state": spotify.permit(url)["state"]}

    assert refusal(await call_back(ada, query, browser)) == (400, "SPOTIFY_LINK_DENIED")
    assert (await ada.get("/spotify/link"))["linked"] is False


async def test_a_code_that_spotify_refuses_links_nothing(ada: ListeningClient, spotify: SpotifyServer) -> None:
    url, browser = await consent(ada)
    query = spotify.permit(url) | {"code": "guessed"}

    assert refusal(await call_back(ada, query, browser)) == (400, "SPOTIFY_LINK_DENIED")
    assert await ada.deps.spotify_links.count({}) == 0


async def test_browsers_get_a_page_in_their_language(ada: ListeningClient, spotify: SpotifyServer) -> None:
    german = PAGE | {"Accept-Language": "de"}
    refused = await call_back(ada, {"state": "x"}, german)
    url, browser = await consent(ada)
    done = await call_back(ada, spotify.permit(url), german | browser)

    assert (refused.status_code, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "Verknüpfung mit Spotify" in refused.text
    assert (done.status_code, "ist verknüpft" in done.text) == (200, True)
    assert done.headers["referrer-policy"] == "no-referrer"


async def test_an_account_of_spotify_has_one_user(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    eve = ada.acting_as("usr_eve")
    url, browser = await consent(eve)

    assert refusal(await call_back(eve, spotify.permit(url), browser)) == (409, "SPOTIFY_ACCOUNT_CONFLICT")
    assert (await eve.get("/spotify/link"))["linked"] is False
    await ada.ask("DELETE", "/spotify/link")
    assert (await linked(eve, spotify)).spotify_user_id == "ada"


async def test_a_user_whom_the_app_in_development_mode_lacks_is_refused(ada: ListeningClient, spotify: SpotifyServer) -> None:
    spotify.allowed_users = {"grace"}
    url, browser = await consent(ada)

    assert refusal(await call_back(ada, spotify.permit(url), browser)) == (403, "SPOTIFY_USER_NOT_ALLOWED")
    assert await ada.deps.spotify_links.count({}) == 0


async def test_another_account_replaces_the_linked_one(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.user_id = "lovelace"

    assert (await linked(ada, spotify)).spotify_user_id == "lovelace"
    assert (await playlists(ada)).status_code == 200


async def test_unlinking_erases_the_tokens(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    started, browser = await consent(ada)
    for _ in range(2):
        assert (await ada.ask("DELETE", "/spotify/link")).status_code == 200

    assert (await ada.get("/spotify/link"))["linked"] is False
    assert await ada.deps.spotify_links.count({}) == 0
    assert refusal(await playlists(ada)) == (409, "SPOTIFY_NOT_LINKED")
    assert refusal(await call_back(ada, spotify.permit(started), browser)) == (400, "SPOTIFY_STATE_INVALID")


async def test_playlists_at_spotify_are_listed(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    images = [{"url": "https://mosaic.scdn.co/640/x", "width": 640}]
    spotify.playlists = [
        {"id": "1" * 22, "name": "New", "owner": {"display_name": "Ada"}, "images": images, "items": {"total": 3}},
        {"id": "2" * 22, "name": "Old", "owner": {"display_name": None}, "images": None, "tracks": {"total": 4}},
        None,
    ]
    response = await playlists(ada)

    assert [(one["name"], one["owner"], one["total"], one["cover_url"]) for one in data(response)] == [
        ("New", "Ada", 3, "https://mosaic.scdn.co/640/x"),
        ("Old", None, 4, None),
    ]
    assert response.json()["meta"]["pagination"]["total_count"] == 3
    second = await ada.get("/spotify/playlists", limit=1, page=2)
    assert [one["name"] for one in second] == ["Old"]


async def test_replicas_refresh_expired_tokens_once(ada: ListeningClient, start: Start, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    before = spotify.count("POST /api/token")
    await let_expire(ada)
    spotify.expire_access()
    async with start(**settings_of(spotify)) as other:
        responses = await asyncio.gather(*(playlists(client) for client in 4 * (ada, other)))

    assert {response.status_code for response in responses} == {200}
    assert spotify.count("POST /api/token") == before + 1


async def test_an_access_token_that_spotify_refuses_early_is_replaced(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.expire_access()

    assert (await playlists(ada)).status_code == 200


async def test_a_withdrawn_permission_expires_the_link(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.revoke("ada")

    assert refusal(await playlists(ada)) == (409, "SPOTIFY_NOT_LINKED")
    assert (await ada.get("/spotify/link"))["status"] == "expired"
    held = await ada.deps.spotify_links.get("usr_ada")
    assert (held.access_token, held.refresh_token) == (None, None)
    assert (await linked(ada, spotify)).status == "active"


async def test_tokens_of_another_secret_expire_the_link(ada: ListeningClient, start: Start, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    async with start(**settings_of(spotify, secret=SecretStr(SECRET[::-1]))) as other:
        assert refusal(await playlists(other)) == (409, "SPOTIFY_NOT_LINKED")
        assert (await other.get("/spotify/link"))["status"] == "expired"


async def test_a_refresh_that_its_replica_did_not_finish_is_repeated(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)

    def begin_long_ago(link: SpotifyLink) -> None:
        link.token_expiry = None
        link.refresh_started_at = now() - timedelta(minutes=1)

    await ada.deps.spotify_links.update("usr_ada", begin_long_ago)

    assert (await playlists(ada)).status_code == 200


async def test_a_rate_limit_holds_for_all_users(ada: ListeningClient, start: Start, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.failures.append(limited(30))
    first = await playlists(ada)
    spotify.user_id = "eve"
    async with start(**settings_of(spotify)) as other:
        requests = len(spotify.requests)
        eve = other.acting_as("usr_eve")
        url, browser = await consent(eve)
        second = await call_back(eve, spotify.permit(url), browser)

    assert (refusal(first), first.headers["retry-after"]) == ((503, "SPOTIFY_UNAVAILABLE"), "30")
    assert refusal(second) == (503, "SPOTIFY_UNAVAILABLE")
    assert 1 <= int(second.headers["retry-after"]) <= 30
    assert len(spotify.requests) == requests


async def test_a_response_that_is_cut_is_an_outage(ada: ListeningClient, spotify: SpotifyServer) -> None:
    await linked(ada, spotify)
    spotify.failures.append("cut")

    assert refusal(await playlists(ada)) == (503, "SPOTIFY_UNAVAILABLE")
    assert (await playlists(ada)).status_code == 200


async def test_without_a_client_id_nothing_is_offered(start: Start) -> None:
    async with start() as ada:
        for method, path in (("POST", "link"), ("GET", "link"), ("DELETE", "link"), ("GET", "playlists"), ("GET", "imports/x")):
            assert refusal(await ada.ask(method, f"/spotify/{path}")) == (503, "SPOTIFY_NOT_CONFIGURED")
        assert refusal(await call_back(ada, {"state": "x"}, {})) == (503, "SPOTIFY_NOT_CONFIGURED")


async def test_an_api_key_starts_no_link(ada: ListeningClient) -> None:
    key = {"Authorization": f"Bearer {ada.issuer.token(sub='usr_ada', sid='key_1', scope='listening:write')}"}

    assert refusal(await ada.http.post("/spotify/link", headers=key)) == (403, "LOGIN_REQUIRED")
