"""Public keys and revocations of access tokens, and the system settings in force, polled from auth."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import ValidationError

from echo_common.background_tasks import BackgroundTasks, report_failure, running_in_background
from echo_common.contracts.http.auth import TRUST_PATH, TrustDocument
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.client import ServiceClient
from echo_common.live_settings import LiveSettings

POLL_SECONDS = 2.0
_FIRST_RETRY_SECONDS = 0.1
_EARLY_REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Mapping[str, OKPKey] = field(default_factory=dict)
    revoked_sessions: frozenset[str] = frozenset()
    token_versions: Mapping[str, int] = field(default_factory=dict)
    etag: str | None = None


class TokenTrust:
    """Public keys and revocations, polled from auth in the background.

    A logout takes effect here after at most `POLL_SECONDS` and one request, even without a broker. While auth is down, the last
    known state stays in force.
    """

    def __init__(self, client: ServiceClient, live_settings: LiveSettings | None = None) -> None:
        self._client = client
        self._live_settings = live_settings or LiveSettings()
        self._known = _Known()
        self._refreshing = asyncio.Lock()
        self._background = BackgroundTasks()
        self._early: asyncio.Task[None] | None = None
        self._refreshed_early_at = float("-inf")
        self._failed_at = float("-inf")
        self._log = structlog.get_logger("echo.trust")

    @classmethod
    @asynccontextmanager
    async def following(
        cls, client: ServiceClient, live_settings: LiveSettings | None = None, *, every: float = POLL_SECONDS
    ) -> AsyncIterator["TokenTrust"]:
        """Open a `TokenTrust` that polls auth while the context lasts, also for `live_settings`.

        Does not wait for auth to be reachable.
        """
        trust = cls(client, live_settings)
        async with running_in_background(trust._follow(every)):
            try:
                yield trust
            finally:
                await trust._background.close()

    @property
    def known(self) -> bool:
        """True once auth has responded for the first time."""
        return bool(self._known.keys)

    def key(self, key_id: str) -> OKPKey | None:
        """Return the public key with this id, or None when it is not in force."""
        return self._known.keys.get(key_id)

    def revoked(self, session_id: str, user_id: str, token_version: int) -> bool:
        """Return whether tokens of this session, or of this user below the current version, are revoked."""
        known = self._known
        return session_id in known.revoked_sessions or token_version < known.token_versions.get(user_id, 0)

    async def refresh(self) -> None:
        """Read keys, revocations and system settings from auth now. Raises the errors of `ServiceClient.fetch`."""
        async with self._refreshing:
            await self._read()

    async def _read(self) -> None:
        try:
            await self._fetch()
        except EchoError:
            self._failed_at = time.monotonic()
            raise

    async def _fetch(self) -> None:
        etag = self._known.etag
        response = await self._client.fetch("GET", TRUST_PATH, headers={"If-None-Match": etag} if etag else None, seconds=2.0)
        if response.status == 304:
            return
        try:
            document = TrustDocument.model_validate(response.data)
            keys = {key["kid"]: OKPKey.import_key(key) for key in document.keys.keys}
        except (ValidationError, JoseError, KeyError, ValueError) as error:
            raise ServiceUnavailableError("auth sent an invalid response.") from error
        self._live_settings.replace(document.system_settings)
        self._known = _Known(
            keys, frozenset(document.revoked_sessions), document.token_versions, etag=response.headers.get("ETag")
        )

    async def refresh_early(self) -> None:
        """Refresh before the next poll: one request for all concurrent calls, at most once a second. Never raises.

        While auth does not respond, a call takes no longer than one attempt: it shares the attempt that is running, also its failure.
        """
        if self._early is None:
            if time.monotonic() - self._refreshed_early_at < _EARLY_REFRESH_SECONDS:
                return
            self._early = self._background.start(self._refresh_for_all(), awaited=True)
        await asyncio.shield(self._early)  # the others still wait for it if this request is cancelled

    async def _refresh_for_all(self) -> None:
        started_at, before = time.monotonic(), self._known
        try:
            async with self._refreshing:
                if self._known is before and self._failed_at < started_at:  # otherwise a poll has had a result meanwhile
                    with suppress(EchoError):
                        await self._read()
        finally:
            self._early, self._refreshed_early_at = None, time.monotonic()

    async def apply_changes(self) -> None:
        """Refresh at once, because auth published a change; the next poll makes up for a failure. Never raises."""
        with suppress(EchoError):
            await self.refresh()

    async def _follow(self, every: float) -> None:
        pause, reachable = min(_FIRST_RETRY_SECONDS, every), True
        while True:
            try:
                await self.refresh()
                if not reachable:
                    self._log.info("auth_reachable")
                pause, reachable = every, True
            except EchoError as error:
                if reachable and self.known:
                    self._log.warning("auth_unreachable", error=error.message)
                    reachable = False
                pause = min(pause * 2, every)
            except Exception as error:
                report_failure(self._log, "trust_refresh", error)
                pause = every
            await asyncio.sleep(pause)
