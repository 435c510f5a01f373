"""A minimal auth service for token verifiers; it publishes the trust document that a test sets."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import Key, OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from echo_common.contracts.http.api_keys import EXCHANGE_PATH
from echo_common.contracts.http.auth import (
    ACCESS_TOKEN_TYPE,
    AUDIENCE,
    ISSUER,
    LOCAL_SESSION_PATH,
    LOCAL_USER_ID,
    RECIPIENT_PATH,
    TOKEN_ALGORITHM,
    TRUST_PATH,
)
from echo_common.http.server import serving


class Issuer:
    """An issuer that signs tokens, publishes the trust document and counts requests for it."""

    def __init__(self) -> None:
        self.key = self.new_key()
        self.published = [self.key]
        self.revoked_sessions: list[str] = []
        self.token_versions: dict[str, int] = {}
        self.system_settings: dict[str, bool | int | str] = {}
        self.reachable = True
        self.asked = 0
        self.recipients = {"usr_ada": "ada@example.com", "usr_eve": "eve@example.com"}
        self.api_keys: dict[str, dict[str, Any]] = {}
        """Claims of the tokens by API key."""
        self.exchanges: list[str] = []
        self.inactive_keys: set[str] = set()
        self.local_sessions = 0
        self.local_session_seconds = 900

    @staticmethod
    def new_key() -> OKPKey:
        return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": TOKEN_ALGORITHM}, auto_kid=True)

    def token(self, *, key: Key | None = None, header: Mapping[str, Any] | None = None, lasts: int = 600, **claims: Any) -> str:
        """Return a valid token with the given changes; None removes a claim or header."""
        signing = key or self.key
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "usr_1",
            "sid": "ses_1",
            "jti": "tok_1",
            "ver": 0,
            "plan": "user",
            "role": "user",
            "scope": "account speech:read",
            "iat": int(time.time()),
            "exp": int(time.time()) + lasts,
            **claims,
        }
        head = {"typ": ACCESS_TOKEN_TYPE, "alg": TOKEN_ALGORITHM, "kid": signing.kid, **(header or {})}
        return jwt.encode(_given(head), _given(said), signing, algorithms=[head["alg"]], default_type=None)

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator[str]:
        """Serve the issuer on a Unix socket and yield its URL."""
        routes = [
            Route(TRUST_PATH, self._trust),
            Route(EXCHANGE_PATH, self._exchange, methods=["POST"]),
            Route(LOCAL_SESSION_PATH, self._local_session, methods=["POST"]),
            Route(RECIPIENT_PATH, self._recipient, methods=["POST"]),
        ]
        app = Starlette(routes=routes)
        async with serving(app, f"unix://{folder}/issuer.sock") as url:
            yield url

    async def _exchange(self, request: Request) -> Response:
        key = (await request.json())["credential"]
        self.exchanges.append(key)
        if not self.reachable:
            return Response("broken", status_code=500)
        if key in self.inactive_keys:
            error = {"code": "ACCOUNT_INACTIVE", "message": "The account is deactivated."}
            return JSONResponse({"success": False, "error": error, "request_id": "req_x"}, status_code=403)
        if (claims := self.api_keys.get(key)) is None:
            error = {"code": "INVALID_API_KEY", "message": "No such key."}
            return JSONResponse({"success": False, "error": error, "request_id": "req_x"}, status_code=401)
        data = {"access_token": self.token(**claims), "expires_in": 600.0}
        return JSONResponse({"success": True, "data": data, "timestamp": "2026-01-31T10:00:00Z"})

    async def _local_session(self, _: Request) -> Response:
        self.local_sessions += 1
        token = self.token(sub=LOCAL_USER_ID, sid="ses_local", scope="account speech:write voices:read voices:write")
        data = {"access_token": token, "expires_in": self.local_session_seconds}
        return JSONResponse({"success": True, "data": data, "timestamp": "2026-01-31T10:00:00Z"})

    async def _recipient(self, request: Request) -> Response:
        body = await request.json()
        for user_id, email in self.recipients.items():
            if body["user_id"] == user_id or body["email"] == email:
                return JSONResponse({"success": True, "data": {"user_id": user_id}, "timestamp": "2026-01-31T10:00:00Z"})
        error = {"code": "USER_NOT_FOUND", "message": "There is no such user."}
        return JSONResponse({"success": False, "error": error, "request_id": "req_x"}, status_code=404)

    async def _trust(self, request: Request) -> Response:
        self.asked += 1
        if not self.reachable:
            return Response("broken", status_code=500)
        body = {
            "keys": {"keys": [key.as_dict(private=False) for key in self.published]},
            "revoked_sessions": self.revoked_sessions,
            "token_versions": self.token_versions,
            "system_settings": self.system_settings,
        }
        etag = f'"{hash(str(body))}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return JSONResponse(body, headers={"ETag": etag})


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
