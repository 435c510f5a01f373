"""Logins with Spotify: an identity finds an account, an address never does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from echo_auth.domain.identities import Identity
from echo_auth.settings import AuthSettings
from echo_auth.spotify_provider import ISSUER
from echo_common.clock import now
from tests.integration.auth.conftest import SETTINGS, Auth, Start, start_login
from tests.support.spotify_server import CLIENT_ID, SpotifyServer, limited
from tests.support.visitor import Reply, Visitor

JSON = "application/json"


@pytest.fixture
async def spotify() -> AsyncIterator[SpotifyServer]:
    async with SpotifyServer.running() as server:
        yield server


def settings(spotify: SpotifyServer, **more: Any) -> AuthSettings:
    return SETTINGS.model_copy(
        update={
            "spotify_client_id": CLIENT_ID,
            "spotify_accounts_url": spotify.url,
            "spotify_api_url": spotify.url,
            **more,
        }
    )


@pytest.fixture
async def auth(start: Start, spotify: SpotifyServer) -> AsyncIterator[Auth]:
    async with start(settings(spotify)) as started:
        yield started


async def begin(auth: Auth) -> tuple[str, str]:
    """Start a login; return the URL at Spotify and the browser's cookie."""
    return await start_login(auth, "/auth/spotify/login")


async def finish(visitor: Visitor, callback: dict[str, str], cookie: str, accept: str = JSON) -> Reply:
    return await visitor.call("GET", f"/auth/spotify/callback?{urlencode(callback)}", Cookie=cookie, Accept=accept)


async def log_in(auth: Auth, spotify: SpotifyServer) -> Reply:
    url, cookie = await begin(auth)
    return await finish(auth.visitor(), spotify.permit(url), cookie)


async def begin_link(auth: Auth, visitor: Visitor) -> tuple[str, str]:
    """Start to link an identity to a user; return the URL at Spotify and the browser's cookie."""
    url = auth.client.next_replicas()[0] + "/auth/spotify/link"
    headers = {"Authorization": f"Bearer {visitor.access_token}"}
    async with auth.client.session.post(url, headers=headers) as response:
        assert response.status == 200, await response.text()
        return (await response.json())["data"]["url"], response.headers["Set-Cookie"].partition(";")[0]


async def test_the_first_login_creates_a_user_and_later_ones_find_it(auth: Auth, spotify: SpotifyServer):
    first, second = await log_in(auth, spotify), await log_in(auth, spotify)

    assert (first.status, second.status) == (200, 200)
    assert first.data["user"]["id"] == second.data["user"]["id"]
    assert (first.data["user"]["email"], first.data["user"]["first_name"], first.data["user"]["plan"]) == (None, "Ada", "user")
    assert (await auth.visitor(access_token=first.data["access_token"]).me()).status == 200


async def test_an_address_at_spotify_finds_no_account(auth: Auth, spotify: SpotifyServer):
    registered = (await auth.visitor().register("ada@example.com")).data["user"]["id"]
    spotify.profile = {"email": "ada@example.com"}  # of apps with an extended quota; Spotify has not verified it
    found = (await log_in(auth, spotify)).data["user"]

    assert found["id"] != registered
    assert found["email"] is None


async def test_a_user_links_spotify_while_logged_in(auth: Auth, spotify: SpotifyServer):
    ada = auth.visitor()
    ada_id = (await ada.register("ada@example.com")).data["user"]["id"]
    url, cookie = await begin_link(auth, ada)
    assert (await finish(auth.visitor(), spotify.permit(url), cookie)).data["user"]["id"] == ada_id

    assert (await log_in(auth, spotify)).data["user"]["id"] == ada_id


async def test_an_account_of_spotify_logs_one_user_in(auth: Auth, spotify: SpotifyServer):
    owner = (await log_in(auth, spotify)).data["user"]["id"]
    eve = auth.visitor()
    await eve.register("eve@example.com")
    url, cookie = await begin_link(auth, eve)
    refused = await finish(auth.visitor(), spotify.permit(url), cookie)

    assert (refused.status, refused.code) == (409, "SPOTIFY_ACCOUNT_CONFLICT")
    assert (await log_in(auth, spotify)).data["user"]["id"] == owner


async def test_a_link_needs_a_recent_login(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    ada = auth.visitor()
    await ada.register("ada@example.com")
    later = now() + timedelta(minutes=31)
    monkeypatch.setattr("echo_auth.usecases.reauthentication.now", lambda: later)

    assert (await ada.call("POST", "/auth/spotify/link")).code == "REAUTHENTICATION_REQUIRED"


async def test_a_callback_is_accepted_once_in_the_browser_that_started_the_login(auth: Auth, spotify: SpotifyServer):
    url, cookie = await begin(auth)
    callback = spotify.permit(url)
    _, other = await begin(auth)

    assert (await finish(auth.visitor(), callback, other)).code == "SPOTIFY_LOGIN_FAILED"
    assert (await finish(auth.visitor(), callback, cookie)).status == 200
    assert (await finish(auth.visitor(), callback, cookie)).code == "SPOTIFY_LOGIN_FAILED"


@pytest.mark.parametrize("wrong", [{"code": "guessed"}, {"code": ""}, {"state": "unknown"}])
async def test_a_wrong_callback_creates_nobody(wrong: dict[str, str], auth: Auth, spotify: SpotifyServer):
    url, cookie = await begin(auth)
    users = await auth.deps.users.count({})
    refused = await finish(auth.visitor(), spotify.permit(url) | wrong, cookie)

    assert (refused.status, refused.code) == (401, "SPOTIFY_LOGIN_FAILED")
    assert await auth.deps.users.count({}) == users


async def test_concurrent_first_logins_create_one_user(auth: Auth, spotify: SpotifyServer):
    users = await auth.deps.users.count({})
    replies = await asyncio.gather(*(log_in(auth, spotify) for _ in range(4)))

    assert {reply.status for reply in replies} <= {200, 503}
    assert await auth.deps.users.count({}) == users + 1
    assert len({reply.data["user"]["id"] for reply in replies if reply.status == 200}) == 1


async def test_an_identity_that_a_dead_process_left_is_replaced(auth: Auth, spotify: SpotifyServer):
    left = Identity.link(ISSUER, "ada", "usr_never_stored")
    left.created_at = now() - timedelta(minutes=2)
    await auth.deps.identities.add(left)

    assert (await log_in(auth, spotify)).status == 200
    assert (await log_in(auth, spotify)).status == 200


async def test_unknown_users_are_refused_when_the_operator_admits_none(start: Start, spotify: SpotifyServer):
    async with start(settings(spotify, spotify_create_users=False)) as auth:
        refused = await log_in(auth, spotify)

    assert (refused.status, refused.code) == (403, "SPOTIFY_ACCOUNT_REFUSED")


async def test_browsers_return_to_the_page_of_the_platform(auth: Auth, spotify: SpotifyServer):
    url = auth.client.next_replicas()[0] + "/auth/spotify/callback"
    location, cookie = await begin(auth)
    for query, ending in ((spotify.permit(location), "/logged-in"), ({}, "/logged-in#error=SPOTIFY_LOGIN_FAILED")):
        headers = {"Accept": "text/html", "Cookie": cookie}
        async with auth.client.session.get(url, params=query, headers=headers, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, ending)


async def test_without_a_client_id_there_is_no_login(start: Start):
    async with start(SETTINGS) as auth:
        assert (await auth.visitor().call("GET", "/auth/spotify/login")).code == "SPOTIFY_LOGIN_NOT_FOUND"
        assert (await finish(auth.visitor(), {"state": "x"}, "")).code == "SPOTIFY_LOGIN_NOT_FOUND"


async def test_spotify_is_not_reachable(start: Start, spotify: SpotifyServer):
    async with start(settings(spotify, spotify_api_url="http://127.0.0.1:9")) as auth:
        assert (await log_in(auth, spotify)).code == "SPOTIFY_UNAVAILABLE"


async def test_a_login_that_spotify_limits_is_told_when_to_try_again(auth: Auth, spotify: SpotifyServer):
    spotify.failures.append(limited(30))
    users = await auth.deps.users.count({})
    refused = await log_in(auth, spotify)

    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "SPOTIFY_UNAVAILABLE", "30")
    assert await auth.deps.users.count({}) == users
