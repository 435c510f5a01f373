"""Encryption of secrets in the database, with keys derived from ECHO_AUTH_SECRET (HKDF, RFC 5869)."""

import base64
from enum import StrEnum

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from echo_common.errors import EchoError


class Purpose(StrEnum):
    """The purpose of a derived key; what is encrypted for one purpose cannot be decrypted for another."""

    SIGNING_KEYS = "echo-auth signing keys"
    AUDIT_CHAIN = "echo-auth audit chain"
    PSEUDONYMS = "echo-auth pseudonyms"
    LINK_TOKENS = "echo-auth link tokens"
    TOTP_SECRETS = "echo-auth totp secrets"
    EXPORT_LINKS = "echo-auth export links"


class DecryptionError(EchoError):
    """ECHO_AUTH_SECRET does not match the secret that encrypted this database. Restore the original secret."""


def derive_key(secret: str, purpose: Purpose) -> bytes:
    """Derive the key of 32 bytes for a purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


class Encryption:
    """Authenticated encryption for one purpose."""

    def __init__(self, secret: str, purpose: Purpose) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(derive_key(secret, purpose)))

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt a secret. Raises `DecryptionError`."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise DecryptionError from error
