"""Signed links: temporary access to an archive without a token, because browsers send none when they follow a link."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from echo_auth.domain.exports import Export
from echo_auth.encryption import Purpose, derive_key
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import LinkInvalidError


class ExportLinks:
    """Signer of links with a key derived from ECHO_AUTH_SECRET: none is stored."""

    def __init__(self, secret: str) -> None:
        self._key = derive_key(secret, Purpose.EXPORT_LINKS)

    def sign(self, export: Export, seconds: int) -> tuple[int, str, datetime]:
        """Return the expiry in Unix seconds, the signature, and the expiry as a time."""
        until = (now() + timedelta(seconds=seconds)).replace(microsecond=0)
        expires = int(until.timestamp())
        return expires, self._signature(export, expires), until

    def check(self, export: Export, expires: int, signature: str) -> None:
        """Raise `LinkInvalidError` unless the signature is valid and the link has not expired."""
        genuine = hmac.compare_digest(self._signature(export, expires).encode(), signature.encode())
        if not genuine or datetime.fromtimestamp(expires, UTC) < now():
            raise LinkInvalidError

    def _signature(self, export: Export, expires: int) -> str:
        signed = hmac.new(self._key, f"{export.id}\n{export.user_id}\n{expires}".encode(), sha256).digest()
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
