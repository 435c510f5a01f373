"""Signed links: temporary access to an audio without a token."""

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
"""Maximum validity of a link in seconds."""


class LinkSigner:
    """Signer of links. Its key is generated at the first start and stored in the database, so that all replicas share it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    async def open(cls, store: Store) -> "LinkSigner":
        """Load the key, or generate it at the first start."""
        keys = store.collection("keys")
        await keys.ensure(())
        with suppress(DuplicateError):  # the first key stays
            await keys.insert({"_id": "links", "key": secrets.token_bytes(32)})
        held = await keys.find_one({"_id": "links"})
        assert held is not None  # noqa: S101 - nothing removes it
        return cls(bytes(held["key"]))

    def sign(self, audio: Audio, seconds: int) -> tuple[str, datetime]:
        """Return a link, as a path on the gateway, and its expiry."""
        until = (now() + timedelta(seconds=seconds)).replace(microsecond=0)
        expires = int(until.timestamp())
        return f"{audio.url}?expires={expires}&signature={self._signature(audio, expires)}", until

    def check(self, audio: Audio, expires: int, signature: str) -> None:
        """Raise `LinkInvalidError` unless the signature is valid and the link has not expired."""
        genuine = hmac.compare_digest(self._signature(audio, expires).encode(), signature.encode())
        if not genuine or datetime.fromtimestamp(expires, UTC) < now():
            raise LinkInvalidError

    def _signature(self, audio: Audio, expires: int) -> str:
        signed = hmac.new(self._key, f"audio\n{audio.id}\n{audio.user_id}\n{expires}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
