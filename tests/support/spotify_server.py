"""A local server with Spotify's accounts service and Web API, in the wire format of 2026 for apps in development mode."""

import asyncio
import base64
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

CLIENT_ID = "0123456789abcdef0123456789abcdef"
MOST_ITEMS, MOST_ADDED = 50, 100


@dataclass
class Login:
    """A user of Spotify, and the tokens that were issued to the app: access tokens that are valid, and one refresh token."""

    user_id: str
    access_tokens: set[str] = field(default_factory=set)
    refresh_token: str = ""
    scope: str = ""


@dataclass
class SpotifyServer:
    """Spotify. `user_id` is the user who permits access at the consent page."""

    url: str = ""
    user_id: str = "ada"
    lasts: int = 3600
    allowed_users: set[str] | None = None
    profile: dict[str, Any] = field(default_factory=dict)
    """Further fields of profiles."""
    saved: list[dict[str, Any] | None] = field(default_factory=list)
    artists: list[dict[str, Any] | None] = field(default_factory=list)
    playlists: list[dict[str, Any] | None] = field(default_factory=list)
    items: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    """Items by the id of their playlist."""
    catalogue: list[dict[str, Any]] = field(default_factory=list)
    """Tracks that are found by their id."""
    before_read: Callable[[], Awaitable[None]] | None = None
    """Called before each response to a read request."""
    requests: list[str] = field(default_factory=list)
    failures: list[web.Response | str] = field(default_factory=list)
    """Responses to the next requests of the Web API, in order; `cut` ends the connection within the body."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    logins: dict[str, Login] = field(default_factory=dict)

    def permit(self, consent_url: str) -> dict[str, str]:
        """Permit access at the consent page; return the query of the redirect to the callback."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(consent_url).query).items()}
        assert consent_url.startswith(f"{self.url}/authorize?")
        assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (CLIENT_ID, "code", "S256")
        assert not query["redirect_uri"].startswith("http://localhost"), "Spotify refuses localhost"
        code = _secret("code")
        self.codes[code] = {**query, "user_id": self.user_id}
        return {"code": code, "state": query["state"]}

    def revoke(self, user_id: str) -> None:
        """Withdraw a user's permission."""
        self.logins[user_id] = Login(user_id)

    def expire_access(self) -> None:
        """Let all access tokens expire."""
        for login in self.logins.values():
            login.access_tokens.clear()

    def count(self, request: str) -> int:
        """Return the number of requests such as `GET /v1/me`."""
        return self.requests.count(request)

    async def _token(self, request: web.Request) -> web.Response:
        self.requests.append("POST /api/token")
        form = {name: str(value) for name, value in (await request.post()).items()}
        if form.get("client_id") != CLIENT_ID:
            return web.json_response({"error": "invalid_client"}, status=400)
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
                return _invalid_grant()
            login = self.logins.setdefault(asked["user_id"], Login(asked["user_id"]))
            login.scope = asked.get("scope", "")
        else:
            found = [one for one in self.logins.values() if one.refresh_token and one.refresh_token == form["refresh_token"]]
            if not found:
                return _invalid_grant()
            [login] = found
        access_token = _secret("access")
        login.access_tokens.add(access_token)
        login.refresh_token = _secret("refresh")  # with PKCE, each is valid once
        scope = login.scope
        issued = {"access_token": access_token, "token_type": "Bearer", "expires_in": self.lasts, "scope": scope}
        return web.json_response({**issued, "refresh_token": login.refresh_token})

    async def _api(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        user_id = next((one.user_id for one in self.logins.values() if token in one.access_tokens), None)
        if user_id is None:
            return _error(401, "The access token expired")
        if self.allowed_users is not None and user_id not in self.allowed_users:
            return _error(403, "The user may not be registered.")
        if self.failures:
            failure = self.failures.pop(0)
            return await _cut(request) if isinstance(failure, str) else failure
        if request.method == "POST":
            return self._write(request.path, await request.json())
        if self.before_read is not None:
            await self.before_read()
        return self._read(request, user_id)

    def _read(self, request: web.Request, user_id: str) -> web.Response:
        """Return a profile, a playlist, or a page of a list."""
        if request.path == "/v1/me":
            profile = {"id": user_id, "display_name": user_id.title(), "type": "user", "images": []}
            return web.json_response(profile | self.profile)
        if request.path.startswith("/v1/tracks/"):
            one = next((one for one in self.catalogue if one["id"] == request.path.split("/")[3]), None)
            return _error(404, "Non existing id") if one is None else web.json_response(one)
        lists = {"/v1/me/tracks": self.saved, "/v1/me/top/artists": self.artists, "/v1/me/playlists": self.playlists}
        found = lists.get(request.path)
        if found is None and request.path.startswith("/v1/playlists/"):
            playlist = next((one for one in self.playlists if one and one["id"] == request.path.split("/")[3]), None)
            if playlist is None:
                return _error(404, "Resource not found")
            if not request.path.endswith("/items"):
                return web.json_response(playlist)
            found = self.items.get(playlist["id"], [])
        if found is None:
            return _error(404, "Not found.")
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 20))
        if not 1 <= limit <= MOST_ITEMS:
            return _error(400, "Invalid limit")
        page = {"href": str(request.url), "limit": limit, "next": None, "offset": offset, "previous": None}
        return web.json_response({**page, "total": len(found), "items": found[offset : offset + limit]})

    def _write(self, path: str, body: dict[str, Any]) -> web.Response:
        """Create a playlist, or add items to one."""
        if path == "/v1/me/playlists":
            playlist = {**body, "id": f"{len(self.playlists):022d}", "owner": {"display_name": "Ada"}, "images": None}
            self.playlists.append(playlist)
            return web.json_response(playlist, status=201)
        if len(body["uris"]) > MOST_ADDED:
            return _error(400, "Too many ids requested")
        added = [uri.removeprefix("spotify:track:") for uri in body["uris"]]
        self.items.setdefault(path.split("/")[3], []).extend({"item": track(int(each))} for each in added)
        return web.json_response({"snapshot_id": "1"}, status=201)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["SpotifyServer"]:
        """Serve Spotify on a free port."""
        server = cls()
        app = web.Application()
        app.add_routes([web.post("/api/token", server._token), web.route("*", "/v1/{path:.*}", server._api)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield server
        finally:
            await runner.cleanup()

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator["SpotifyServer"]:
        """Serve Spotify in a thread, for tests with event loops of their own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        running = cls.running()
        try:
            yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
            asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def _secret(kind: str) -> str:
    """Return a secret with a form that tests find in logs."""
    return f"spotify-{kind}-{secrets.token_urlsafe(48)}"


def limited(seconds: int) -> web.Response:
    """Return the response to a request beyond the app's rate limit."""
    return web.json_response(
        {"error": {"status": 429, "message": "API rate limit exceeded"}}, status=429, headers={"Retry-After": str(seconds)}
    )


def track(number: int, **changes: Any) -> dict[str, Any]:
    """Return a track, without the fields that an app in development mode does not get."""
    return {
        "id": f"{number:022d}",
        "type": "track",
        "name": f"Song {number}",
        "artists": [{"id": f"{number % 7:022d}", "name": f"Artist {number % 7}", "type": "artist"}],
        "album": {"name": "Album", "images": [{"url": "https://i.scdn.co/image/large", "width": 640, "height": 640}]},
        "duration_ms": 180_500,
        "is_local": False,
        **changes,
    }


def saved(*tracks: dict[str, Any]) -> list[dict[str, Any] | None]:
    """Return tracks as saved ones."""
    return [{"added_at": "2026-01-31T10:00:00Z", "track": one} for one in tracks]


def saved_tracks(number: int) -> list[dict[str, Any] | None]:
    """Return this number of saved tracks."""
    return saved(*(track(each) for each in range(number)))


def _invalid_grant() -> web.Response:
    return web.json_response({"error": "invalid_grant", "error_description": "Refresh token revoked"}, status=400)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"status": status, "message": message}}, status=status)


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"items": [')
    assert request.transport is not None
    request.transport.abort()
    return response
