"""Signing keys, encrypted in the database and shared by all replicas, and the access tokens they sign."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from joserfc import jwt
from joserfc.jwk import OKPKey

from echo_auth.domain.users import User
from echo_auth.encryption import SETTING, Purpose
from echo_common.auth.principal import Scope
from echo_common.auth.tokens import LEEWAY_SECONDS
from echo_common.clock import now
from echo_common.contracts.http.auth import ACCESS_TOKEN_TYPE, EXPORT_AUDIENCE, TOKEN_ALGORITHM, AccessClaims, Jwks
from echo_common.contracts.values import Role
from echo_common.encryption import Encryption
from echo_common.ids import new_id
from echo_common.store.port import Collection, Document, DuplicateError

_FIRST_KEY = "key_1"

EXPORT_TOKEN_LASTS = timedelta(minutes=5)
"""Lifetime of an export token."""


class Signer:
    """A signer of access tokens. It signs with the newest key and publishes all keys, so that older tokens stay valid."""

    def __init__(self, keys: list[OKPKey], lasts: timedelta) -> None:
        self._keys = keys
        self.lasts = lasts

    @classmethod
    async def open(cls, collection: Collection, secret: str, lasts: timedelta) -> "Signer":
        """Load the keys; create the first one if there is none. Raises `DecryptionError`."""
        seal = Encryption(secret, Purpose.SIGNING_KEYS, SETTING)
        await collection.ensure([])
        documents = [document async for document in collection.find({}, sort=[("created_at", 1)])]
        return cls([_decrypt_key(document, seal) for document in documents or [await _create_first(collection, seal)]], lasts)

    @property
    def jwks(self) -> Jwks:
        """The public keys."""
        return Jwks(keys=[dict(key.as_dict(private=False)) for key in self._keys])

    def access_token(
        self,
        user: User,
        session_id: str,
        at: datetime,
        *,
        language: str | None = None,
        scopes: frozenset[Scope] | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Sign an access token for a user's session, valid from `at` for `lasts`; `language` is the preferred one.

        `scopes` are the user's own by default. No service accepts the token from `expires_at` on.
        """
        issued = int(at.timestamp())
        expires = issued + int(self.lasts.total_seconds())
        if expires_at is not None:
            expires = min(expires, int(expires_at.timestamp()) - LEEWAY_SECONDS)
        granted = user.scopes if scopes is None else scopes & user.scopes
        claims = AccessClaims(
            sub=user.id,
            sid=session_id,
            iat=issued,
            exp=expires,
            jti=new_id("tok"),
            plan=user.plan,
            role=user.role if Scope.ADMIN in granted else Role.USER,
            scope=" ".join(sorted(granted)),
            ver=user.token_version,
            locale=language,
        )
        return self._sign(claims)

    def export_token(self, user: User, export_id: str, at: datetime) -> str:
        """Sign a token with which services let this service read the data of a user; no other endpoint accepts it."""
        issued = int(at.timestamp())
        claims = AccessClaims(
            aud=EXPORT_AUDIENCE,
            sub=user.id,
            sid=export_id,
            iat=issued,
            exp=issued + int(EXPORT_TOKEN_LASTS.total_seconds()),
            jti=new_id("tok"),
            plan=user.plan,
            role=Role.USER,
            scope="",
            ver=user.token_version,
        )
        return self._sign(claims)

    def _sign(self, claims: AccessClaims) -> str:
        key = self._keys[-1]
        header = {"typ": ACCESS_TOKEN_TYPE, "alg": TOKEN_ALGORITHM, "kid": key.kid}
        return jwt.encode(header, claims.model_dump(mode="json", exclude_none=True), key, algorithms=[TOKEN_ALGORITHM])


async def _create_first(collection: Collection, seal: Encryption) -> Document:
    """Create the first key; if several replicas start together, the fixed id makes all of them use the same key."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": TOKEN_ALGORITHM}, auto_kid=True)
    document = {"_id": _FIRST_KEY, "sealed": seal.encrypt(json.dumps(key.as_dict(private=True)).encode()), "created_at": now()}
    try:
        await collection.insert(document)
    except DuplicateError:
        return cast("Document", await collection.find_one({"_id": _FIRST_KEY}))
    return document


def _decrypt_key(document: Mapping[str, Any], seal: Encryption) -> OKPKey:
    return OKPKey.import_key(json.loads(seal.decrypt(document["sealed"])))
