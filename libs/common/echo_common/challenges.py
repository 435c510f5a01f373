"""Challenges of logins and links in progress: single-use, kept for a few minutes."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from echo_common.clock import now
from echo_common.store.port import Collection, Index

LASTS = timedelta(minutes=10)
_BYTES = 32


class Challenges:
    """Random challenges, of which the database holds hashes. Each is accepted once, for its purpose, for ten minutes."""

    def __init__(self, collection: Collection) -> None:
        self._challenges = collection

    @classmethod
    async def open(cls, collection: Collection) -> "Challenges":
        """Open the store; the database removes expired challenges."""
        await collection.ensure([Index([("issued_at", 1)], ttl=int(LASTS.total_seconds()))])
        return cls(collection)

    async def issue(self, purpose: str, data: Mapping[str, Any] | None = None) -> bytes:
        """Create a challenge; `data` is returned when it is taken."""
        challenge = secrets.token_bytes(_BYTES)
        await self._challenges.insert({"_id": _key(purpose, challenge), "data": dict(data or {}), "issued_at": now()})
        return challenge

    async def take(self, purpose: str, challenge: bytes) -> Mapping[str, Any] | None:
        """Use up a challenge and return its data; None if it is unknown, expired or used. One concurrent call succeeds."""
        key = _key(purpose, challenge)
        found = await self._challenges.find_one({"_id": key, "issued_at": {"$gt": now() - LASTS}})
        if found is None or not await self._challenges.delete({"_id": key}):
            return None
        data: Mapping[str, Any] = found["data"]
        return data

    async def discard(self, user_id: str) -> None:
        """Remove the challenges whose data have this `user_id`."""
        await self._challenges.delete({"data.user_id": user_id})


def _key(purpose: str, challenge: bytes) -> str:
    return sha256(purpose.encode() + b"\n" + challenge).hexdigest()
