"""Encryption of secrets in the database, with keys derived from ECHO_AUTH_SECRET (HKDF, RFC 5869)."""

import base64
from enum import StrEnum

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from echo_common.errors import EchoError


class Purpose(StrEnum):
    """The purpose of a key; a secret that is encrypted for one cannot be decrypted for another."""

    SIGNING_KEYS = "echo-auth signing keys"
    TOTP_SECRETS = "echo-auth totp secrets"


class DecryptionError(EchoError):
    """ECHO_AUTH_SECRET does not match the secret that encrypted this database. Restore the original secret."""


class Encryption:
    """Authenticated encryption for one purpose."""

    def __init__(self, secret: str, purpose: Purpose) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt a secret. Raises `DecryptionError`."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise DecryptionError from error
