"""Signed links: temporary access to a file without a token, because browsers send none when they follow a link."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from echo_common.clock import now
from echo_common.errors import LinkInvalidError


class LinkSigner:
    """Signer of links for one purpose. Its key is derived from a secret, so that no link is valid for another purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, purpose.encode(), sha256)

    def sign(self, path: str, user_id: str, seconds: int) -> tuple[str, datetime]:
        """Return a link to a path on the gateway, maybe with a query, that serves a file of the user, and the link's expiry."""
        until = (now() + timedelta(seconds=seconds)).replace(microsecond=0)
        expires = int(until.timestamp())
        parameters = "&" if "?" in path else "?"
        return f"{path}{parameters}expires={expires}&signature={self._signature(path, user_id, expires)}", until

    def check(self, path: str, user_id: str, expires: int, signature: str) -> None:
        """Raise `LinkInvalidError` unless the signature is valid and the link has not expired."""
        genuine = hmac.compare_digest(self._signature(path, user_id, expires).encode(), signature.encode())
        if not genuine or datetime.fromtimestamp(expires, UTC) < now():
            raise LinkInvalidError

    def _signature(self, path: str, user_id: str, expires: int) -> str:
        signed = hmac.digest(self._key, f"{path}\n{user_id}\n{expires}".encode(), sha256)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
