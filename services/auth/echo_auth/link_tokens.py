"""Tokens in the links of mails, derived from the mail's id: none is stored."""

import base64
import hmac
from hashlib import sha256

from echo_auth.encryption import Purpose
from echo_common.contracts.errors.auth import InvalidLinkError
from echo_common.encryption import derive_key


class LinkTokens:
    """Issuer of link tokens: the mail's id and its HMAC with a key derived from ECHO_AUTH_SECRET."""

    def __init__(self, secret: str) -> None:
        self._key = derive_key(secret, Purpose.LINK_TOKENS)

    def issue(self, mail_id: str) -> str:
        """Return the token of a mail, always the same."""
        mac = hmac.new(self._key, mail_id.encode(), sha256).digest()
        return f"{mail_id}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    def mail_id(self, token: str) -> str:
        """Return the id of the mail that a token belongs to. Raises `InvalidLinkError`."""
        mail_id = token.partition(".")[0]
        if not hmac.compare_digest(self.issue(mail_id).encode(), token.encode()):
            raise InvalidLinkError
        return mail_id
