"""API keys: credentials of programs, with scopes and an expiry of their own."""

import secrets
from datetime import datetime
from hashlib import sha256

from echo_common.aggregate import Aggregate
from echo_common.auth.principal import Scope
from echo_common.contracts.http.api_keys import API_KEY_PREFIX

_SECRET_BYTES = 32
_SHOWN_CHARACTERS = len(API_KEY_PREFIX) + 6


def create_secret() -> str:
    """Create the text of a key: the recognisable prefix and 256 random bits."""
    return API_KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_secret(key: str) -> str:
    """Return the hash under which a key is stored; a key is random, so a fast hash suffices."""
    return sha256(key.encode()).hexdigest()


class ApiKey(Aggregate):
    """An API key of a user; its secret is known to its holder alone."""

    user_id: str
    name: str
    prefix: str
    hash: str
    scopes: list[Scope]
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @classmethod
    def create(
        cls, key_id: str, key: str, user_id: str, *, name: str, scopes: list[Scope], expires_at: datetime | None
    ) -> "ApiKey":
        """Create a key with this secret. The expiry loses its fraction of a second, because tokens have none."""
        return cls(
            id=key_id,
            user_id=user_id,
            name=name,
            prefix=key[:_SHOWN_CHARACTERS],
            hash=hash_secret(key),
            scopes=sorted(scopes),
            expires_at=None if expires_at is None else expires_at.replace(microsecond=0),
        )

    def is_valid(self, at: datetime) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def revoke(self, at: datetime) -> None:
        """Revoke the key; idempotent."""
        self.revoked_at = self.revoked_at or at
