"""Signed links: an audio's bytes for whoever has the link, for some minutes."""

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import LinkInvalidError
from echo_common.store.port import DuplicateError, Store
from echo_synthesis.domain import Audio

LONGEST = 300
"""Seconds."""


class Links:
    """Signs with a key of its own, made at the first start and kept in the database, so that all replicas agree."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    async def open(cls, store: Store) -> "Links":
        """With the key that is there, or a new one."""
        keys = store.collection("keys")
        await keys.ensure(())
        with suppress(DuplicateError):  # the first one stays
            await keys.insert({"_id": "links", "key": secrets.token_bytes(32)})
        held = await keys.find_one({"_id": "links"})
        assert held is not None  # noqa: S101 - nothing removes it
        return cls(bytes(held["key"]))

    def sign(self, audio: Audio, seconds: int) -> tuple[str, datetime]:
        """The link, a path on the gateway, and when it ends."""
        until = (now() + timedelta(seconds=seconds)).replace(microsecond=0)
        expires = int(until.timestamp())
        return f"{audio.url}?expires={expires}&signature={self._signature(audio, expires)}", until

    def check(self, audio: Audio, expires: int, signature: str) -> None:
        """Raises `LinkInvalidError`."""
        genuine = hmac.compare_digest(self._signature(audio, expires).encode(), signature.encode())
        if not genuine or datetime.fromtimestamp(expires, UTC) < now():
            raise LinkInvalidError

    def _signature(self, audio: Audio, expires: int) -> str:
        signed = hmac.new(self._key, f"audio\n{audio.id}\n{audio.user_id}\n{expires}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
