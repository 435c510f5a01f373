"""HTTP requests to the identity provider: to configured origins only, with limits on time and size, without redirects."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from echo_common.contracts.errors.oidc import IdentityProviderUnavailableError, OidcLoginFailedError

_SECONDS = 5.0
_MAXIMUM_BYTES = 256 * 1024
_PAUSE_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 24 * 3600


class ProviderClient:
    """A client of the identity provider's endpoints."""

    def __init__(self, session: aiohttp.ClientSession, origins: frozenset[str]) -> None:
        self._session = session
        self._origins = origins

    @classmethod
    @asynccontextmanager
    async def open(cls, issuer: str, origins: tuple[str, ...]) -> AsyncIterator["ProviderClient"]:
        """Open a client for the issuer's origin and further ones."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield cls(session, frozenset(_origin(url) for url in (issuer, *origins)))

    async def get(self, url: str, authorization: str | None = None) -> dict[str, Any]:
        """Return a JSON object. Raises `IdentityProviderUnavailableError`."""
        status, body = await self._request("GET", url, authorization=authorization)
        if status != 200 or body is None:
            raise IdentityProviderUnavailableError
        return body

    async def post_form(self, url: str, form: Mapping[str, str], authorization: str | None) -> dict[str, Any]:
        """Send a form and return a JSON object. Raises `OidcLoginFailedError` if refused, `IdentityProviderUnavailableError`."""
        status, body = await self._request("POST", url, data=dict(form), authorization=authorization)
        if 400 <= status < 500:
            raise OidcLoginFailedError
        if status != 200 or body is None:
            raise IdentityProviderUnavailableError
        return body

    async def _request(
        self, method: str, url: str, *, authorization: str | None = None, **more: Any
    ) -> tuple[int, dict[str, Any] | None]:
        if _origin(url) not in self._origins:
            raise IdentityProviderUnavailableError
        headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
        raw = bytearray()
        try:
            async with self._session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
                async for part in response.content.iter_chunked(16_384):
                    raw += part
                    if len(raw) > _MAXIMUM_BYTES:
                        raise IdentityProviderUnavailableError
                if response.status == 429:
                    raise IdentityProviderUnavailableError(retry_after=_seconds(response.headers.get("Retry-After", "")))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise IdentityProviderUnavailableError from error
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            return response.status, None
        return response.status, body if isinstance(body, dict) else None


def _seconds(retry_after: str) -> int:
    """Return the seconds of a header `Retry-After`, within limits; a date, which providers rarely send, is not read."""
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else _PAUSE_SECONDS
    return max(1, min(seconds, _LONGEST_PAUSE_SECONDS))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
