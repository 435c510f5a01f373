"""Verification of access tokens in every service, without a request to auth for each token."""

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode

from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.http.auth import ACCESS_TOKEN_TYPE, AUDIENCE, TOKEN_ALGORITHM, AccessClaims
from echo_common.errors import ServiceUnavailableError, UnauthenticatedError

LEEWAY_SECONDS = 5
_MAX_TOKEN_LENGTH = 4096
_SCOPES = {scope.value: scope for scope in Scope}


class TokenExpiredError(UnauthenticatedError):
    """The access token has expired; refresh it."""

    code = "TOKEN_EXPIRED"


class InvalidTokenError(UnauthenticatedError):
    """The access token is not valid; log in again."""

    code = "INVALID_TOKEN"


class InvalidApiKeyError(UnauthenticatedError):
    """The API key is not valid, has expired or was deleted; create another one with POST /api/v1/auth/keys."""

    code = "INVALID_API_KEY"


class AmbiguousCredentialsError(UnauthenticatedError):
    """The request carries several credentials; send one, as Authorization or as X-API-Key."""

    code = "AMBIGUOUS_CREDENTIALS"


class VerificationUnavailableError(ServiceUnavailableError):
    """Credentials cannot be verified right now; try again after the time in Retry-After."""


class TrustedKeys(Protocol):
    """Public keys and revocations in force; `echo_common.http.token_trust.TokenTrust` reads them from auth."""

    @property
    def known(self) -> bool:
        """True once auth has responded for the first time."""

    def key(self, key_id: str) -> OKPKey | None:
        """Return the public key with this id, or None when it is not in force."""

    def revoked(self, session_id: str, user_id: str, token_version: int) -> bool:
        """Return whether tokens of this session, or of this user below the current version, are revoked."""

    async def refresh_early(self) -> None:
        """Refresh before the next poll: one request for all concurrent calls, at most once a second. Never raises."""


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    key_id: str
    expires_at: float


class TokenVerifier:
    """Verifier that turns access tokens into principals.

    The signature of each token is checked once (about 80 µs) and cached; expiry, revocation and the key's validity are checked
    every time. Tokens for another audience are refused.
    """

    def __init__(self, trust: TrustedKeys, *, audience: str = AUDIENCE, cached: int = 10_000) -> None:
        self._trust = trust
        self._audience = audience
        self._cache: OrderedDict[str, _Verified] = OrderedDict()
        self._cached = cached

    async def verify(self, token: str) -> Principal:
        """Return the principal of a token; awaits nothing when its key is known.

        Raises `InvalidTokenError`, `TokenExpiredError`, or `VerificationUnavailableError` while auth has not responded yet.
        """
        verified = self._cache.get(token)
        if verified is None or self._trust.key(verified.key_id) is None:
            self._cache.pop(token, None)
            verified = await self._examine(token)
            self._cache[token] = verified
            if len(self._cache) > self._cached:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(token)
        if verified.expires_at <= time.time():
            del self._cache[token]
            raise TokenExpiredError
        if self.revoked(verified.principal):
            raise InvalidTokenError
        return verified.principal

    async def require_keys(self) -> None:
        """Check that tokens can be verified. Raises `VerificationUnavailableError` while auth has not responded yet."""
        if not self._trust.known:
            await self._trust.refresh_early()
            if not self._trust.known:
                raise VerificationUnavailableError

    def revoked(self, principal: Principal) -> bool:
        """Return whether the principal's session has ended, or all tokens of its user have been revoked since."""
        return self._trust.revoked(principal.session_id, principal.user_id, principal.token_version)

    async def _examine(self, token: str) -> _Verified:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidTokenError
        try:
            _require_unique_names(urlsafe_b64decode(token.partition(".")[0].encode("ascii")))
            unverified = jws.extract_compact(token.encode("ascii"))
        except (JoseError, ValueError, RecursionError) as error:
            raise InvalidTokenError from error
        header = unverified.headers()
        key_id = header.get("kid")
        if header.get("typ") != ACCESS_TOKEN_TYPE or header.get("alg") != TOKEN_ALGORITHM or not isinstance(key_id, str):
            raise InvalidTokenError
        key = await self._key(key_id)
        try:
            signed = jws.deserialize_compact(token, key, algorithms=[TOKEN_ALGORITHM])
            payload = signed.payload or b""
            _require_unique_names(payload)
            claims = AccessClaims.model_validate_json(payload)
        except (JoseError, ValueError, RecursionError) as error:
            raise InvalidTokenError from error
        if claims.aud != self._audience or claims.iat > time.time() + LEEWAY_SECONDS:
            raise InvalidTokenError
        return _Verified(_principal(claims), key_id, claims.exp + LEEWAY_SECONDS)

    async def _key(self, key_id: str) -> OKPKey:
        if (key := self._trust.key(key_id)) is not None:
            return key
        await self._trust.refresh_early()
        if (key := self._trust.key(key_id)) is not None:
            return key
        if not self._trust.known:
            raise VerificationUnavailableError
        raise InvalidTokenError


def _require_unique_names(document: bytes) -> None:
    """Check a JSON document, in which parsers may read a name that occurs twice differently. Raises `ValueError`."""
    json.loads(document, object_pairs_hook=_unique)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("A name occurs twice.")
    return unique


def _principal(claims: AccessClaims) -> Principal:
    scopes = frozenset(_SCOPES[name] for name in claims.scope.split() if name in _SCOPES)
    return Principal(
        user_id=claims.sub,
        session_id=claims.sid,
        plan=claims.plan,
        role=claims.role,
        scopes=scopes,
        expires_at=claims.exp,
        token_version=claims.ver,
        language=claims.locale,
    )
