"""Encryption of secrets in a service's database, with keys derived from the service's secret (HKDF, RFC 5869)."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from echo_common.errors import EchoError


class DecryptionError(EchoError):
    """The secret in the settings does not match the one that encrypted this database. Restore the original secret."""

    def __init__(self, setting: str) -> None:
        super().__init__(f"{setting} does not match the secret that encrypted this database. Restore the original secret.")


def derive_key(secret: str, purpose: str) -> bytes:
    """Derive the key of 32 bytes for a purpose; what is encrypted for one purpose cannot be decrypted for another."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


class Encryption:
    """Authenticated encryption for one purpose. `setting` is the name of the secret's setting, for errors."""

    def __init__(self, secret: str, purpose: str, setting: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(derive_key(secret, purpose)))
        self._setting = setting

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a secret."""
        return self._fernet.encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt a secret. Raises `DecryptionError`."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise DecryptionError(self._setting) from error
