"""Echo API requests without a token: requests from this machine count as the local user's."""

import asyncio
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import Scope

from echo_common.contracts.http.auth import LOCAL_SESSION_PATH
from echo_common.http.client import ServiceClient
from echo_common.settings import is_loopback

_ROOT = "/api/"
_OPERATIONS = frozenset({"upload-reference", "voice-models", "echo", "synthesize", "users"})
# headers that proxies add: a forwarded request may come from anywhere
_OF_PROXIES = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"})
_RENEWED_BEFORE_SECONDS = 60.0


class TokenlessAccess:
    """The check which requests need no token, and the cached token of the local user for them.

    Foreign web pages cannot use it through a browser on this machine: the request's host must be a loopback name, which excludes
    DNS rebinding, and its origin, if any, must be the same host or an allowed origin.
    """

    def __init__(self, auth: ServiceClient, origins: Collection[str]) -> None:
        self._auth = auth
        self._origins = frozenset(origin.encode() for origin in origins)
        self._token = ""
        self._renew_at = float("-inf")
        self._renewing = asyncio.Lock()

    def allows(self, scope: Scope) -> bool:
        """Return whether a request without a token is allowed."""
        path: str = scope["path"]
        if not path.startswith(_ROOT) or path.removeprefix(_ROOT).partition("/")[0] not in _OPERATIONS:
            return False
        client = scope.get("client")
        headers = dict(scope["headers"])
        names = [name for name, _ in scope["headers"]]
        if names.count(b"host") != 1 or names.count(b"origin") > 1:
            return False  # ambiguous
        if (client is not None and not is_loopback(client[0])) or headers.keys() & _OF_PROXIES:
            return False
        host, origin = headers.get(b"host", b""), headers.get(b"origin")
        own = origin is None or origin == b"http://" + host or origin in self._origins
        return own and is_loopback(_hostname(host))

    async def token(self) -> str:
        """Return an access token of the local user. Raises the errors of `ServiceClient.request`."""
        async with self._renewing:
            if time.monotonic() >= self._renew_at:
                session = await self._auth.request("POST", LOCAL_SESSION_PATH)
                self._token = session["access_token"]
                self._renew_at = time.monotonic() + session["expires_in"] - _RENEWED_BEFORE_SECONDS
            return self._token


def _hostname(host: bytes) -> str:
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:
        return ""
