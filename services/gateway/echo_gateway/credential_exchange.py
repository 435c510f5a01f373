"""Exchange of credentials that are no access tokens, such as API keys, for access tokens of this platform."""

import asyncio
import base64
import json
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from echo_common.auth.tokens import InvalidApiKeyError, InvalidTokenError
from echo_common.contracts.http.api_keys import API_KEY_PREFIX, EXCHANGE_PATH, MAX_CREDENTIAL_LENGTH
from echo_common.contracts.http.auth import ISSUER
from echo_common.errors import EchoError, ForbiddenError, RateLimitedError, UnauthenticatedError
from echo_common.http.addresses import network_of
from echo_common.http.client import RemoteError, ServiceClient
from echo_common.metrics import CountLookup, count_nothing

RENEWED_AFTER_SECONDS = 60.0
"""Age from which a used token is exchanged again, in the background: auth records the last use of a key by it."""

_REFUSED = frozenset({UnauthenticatedError.status, ForbiddenError.status})
_REFUSED_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_REFUSALS_PER_MINUTE = 20
_WINDOW_SECONDS = 60.0
_KNOWN = 10_000


def is_api_key(credential: str) -> bool:
    """Return whether a credential has the form of an API key."""
    return credential.startswith(API_KEY_PREFIX)


def needs_exchange(credential: str) -> bool:
    """Return whether a credential is none of our access tokens, so that auth must exchange it."""
    return is_api_key(credential) or _is_foreign_token(credential)


@lru_cache(maxsize=4096)
def _is_foreign_token(credential: str) -> bool:
    """Return whether a credential is a JWT that names another issuer."""
    parts = credential.split(".")
    if len(parts) != 3 or len(credential) > MAX_CREDENTIAL_LENGTH:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and isinstance(claims.get("iss"), str) and claims["iss"] != ISSUER


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result of an exchange: a token, or the refusal by auth. Times are on the `time.monotonic` clock."""

    token: str | None
    refusal: Callable[[], EchoError] | None
    renew_at: float
    expires_at: float

    @property
    def access_token(self) -> str:
        """The token. Raises the refusal."""
        if self.token is None:
            raise InvalidTokenError if self.refusal is None else self.refusal()
        return self.token


@dataclass(slots=True)
class _Refusals:
    count: int
    ends: float


class CredentialExchange:
    """A cache of exchanged credentials; concurrent requests with the same credential share one exchange.

    Refused credentials are cached too. An address with many refusals is not served until a minute has passed, so that guesses
    do not reach auth.
    """

    def __init__(self, auth: ServiceClient, count_lookup: CountLookup = count_nothing) -> None:
        self._auth = auth
        self._count_lookup = count_lookup
        self._known: OrderedDict[str, _Outcome] = OrderedDict()
        self._running: dict[str, asyncio.Task[_Outcome]] = {}
        self._refusals: dict[str, _Refusals] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, auth: ServiceClient, count_lookup: CountLookup = count_nothing) -> AsyncIterator["CredentialExchange"]:
        """Open an exchange while the context lasts."""
        exchange = cls(auth, count_lookup)
        try:
            yield exchange
        finally:
            tasks = list(exchange._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def token_of(self, credential: str, address: str) -> str:
        """Return an access token for a credential that a client at `address` sent.

        Raises `InvalidApiKeyError`, `InvalidTokenError`, `RateLimitedError`, and the errors of `ServiceClient.request`.
        """
        moment = time.monotonic()
        known = self._known.get(credential)
        self._count_lookup(known is not None and moment < known.expires_at)
        if known is not None and moment < known.expires_at:
            if known.token is not None and moment >= known.renew_at and credential not in self._running:
                self._start(credential)
        elif len(credential) > MAX_CREDENTIAL_LENGTH:
            raise _refusal(credential)
        else:
            self._check_refusals(address, moment)
            known = await asyncio.shield(self._running.get(credential) or self._start(credential))
            if known.token is None:
                self._count_refusal(address, moment)
        return known.access_token

    def forget(self, credential: str) -> None:
        """Forget a credential whose token has been refused; the next request exchanges it again."""
        self._known.pop(credential, None)

    def _start(self, credential: str) -> asyncio.Task[_Outcome]:
        task = self._running[credential] = asyncio.create_task(self._exchange(credential))
        task.add_done_callback(lambda done: self._finish(credential, done))
        return task

    async def _exchange(self, credential: str) -> _Outcome:
        try:
            exchanged = await self._auth.request("POST", EXCHANGE_PATH, json={"credential": credential})
        except EchoError as error:
            if error.status not in _REFUSED:
                raise
            refused = error.status == UnauthenticatedError.status
            refusal = (
                partial(_refusal, credential) if refused else partial(RemoteError, error.status, error.code, error.message)
            )
            return _Outcome(None, refusal, 0.0, time.monotonic() + _REFUSED_SECONDS)
        moment = time.monotonic()
        return _Outcome(exchanged["access_token"], None, moment + RENEWED_AFTER_SECONDS, moment + exchanged["expires_in"])

    def _finish(self, credential: str, done: asyncio.Task[_Outcome]) -> None:
        """Store the outcome. A failed renewal is tried again a little later; until then the known token stays in use."""
        del self._running[credential]
        if done.cancelled() or done.exception() is not None:
            if (known := self._known.get(credential)) is not None:
                self._known[credential] = replace(known, renew_at=time.monotonic() + _RETRY_SECONDS)
            return
        self._known[credential] = done.result()
        self._known.move_to_end(credential)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _check_refusals(self, address: str, moment: float) -> None:
        refusals = self._refusals.get(network_of(address))
        if refusals is not None and moment < refusals.ends and refusals.count >= _REFUSALS_PER_MINUTE:
            raise RateLimitedError(retry_after=max(1, round(refusals.ends - moment)))

    def _count_refusal(self, address: str, moment: float) -> None:
        network = network_of(address)
        refusals = self._refusals.get(network)
        if refusals is None or refusals.ends <= moment:
            self._refusals = {known: other for known, other in self._refusals.items() if other.ends > moment}
            refusals = self._refusals[network] = _Refusals(0, moment + _WINDOW_SECONDS)
        refusals.count += 1


def _refusal(credential: str) -> EchoError:
    return InvalidApiKeyError() if is_api_key(credential) else InvalidTokenError()
