"""A small OpenID Connect identity provider on a local port: discovery, keys, logins and tokens."""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET, AUDIENCE = "echo", "secret-of-the-client", "echo-api"


@dataclass
class IdentityProvider:
    """A provider with one user at a time, whom every login authenticates."""

    url: str = ""
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "ada-1", "email": "ada@example.com", "email_verified": True, "given_name": "Ada"}
    )
    id_token_changes: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    """Claims at the userinfo endpoint, if there is one."""
    metadata_changes: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: new_key("key-1"))
    requests: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign(self, claims: dict[str, Any], *, key: RSAKey | None = None, **header: str) -> str:
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key)

    def access_token(self, **changes: Any) -> str:
        return self.sign(self._claims(AUDIENCE) | changes, typ="at+jwt")

    def authorize(self, url: str) -> dict[str, str]:
        """Authenticate the user, as the login page does; return the parameters of the redirect to the callback."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.url}

    def _claims(self, audience: str) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": audience, "iat": now, "exp": now + 300, **self.user}

    async def _metadata(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        if self.userinfo is not None:
            paths["userinfo_endpoint"] = "/userinfo"
        endpoints = {name: self.url + path for name, path in paths.items()}
        return web.json_response({"issuer": self.url, **endpoints, **self.metadata_changes})

    async def _keys(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        login = self.codes.pop(str(form["code"]), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if login is None or request.headers.get("Authorization") != f"Basic {basic}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = base64.urlsafe_b64encode(sha256(str(form["code_verifier"]).encode()).digest()).rstrip(b"=").decode()
        if challenge != login["code_challenge"] or form["redirect_uri"] != login["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = self._claims(CLIENT_ID) | {"nonce": login["nonce"]} | self.id_token_changes
        return web.json_response({"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(claims)})

    async def _userinfo(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Bearer opaque"
        return web.json_response(self.userinfo if known else {"error": "invalid_token"}, status=200 if known else 401)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        raise web.HTTPFound(f"{self.url}/jwks?{urlencode({'from': request.path})}")

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["IdentityProvider"]:
        """Serve a provider on a free port."""
        provider = cls()
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", provider._metadata),
                web.get("/jwks", provider._keys),
                web.post("/token", provider._token),
                web.get("/userinfo", provider._userinfo),
                web.get("/moved", provider._elsewhere),
            ]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield provider
        finally:
            await runner.cleanup()


def new_key(key_id: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": key_id, "use": "sig", "alg": "RS256"})
