"""Keys of an archive, derived from the operator's passphrase: the secrets are encrypted, the manifest is authenticated."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from echo_embedded.data_folder import CannotStartError

MINIMUM_LENGTH = 12
_SALT_BYTES = 16
_KEY_BYTES = 32
_COST = 2**16  # with r=8: 64 MB of memory, about a quarter of a second


class PassphraseError(CannotStartError):
    """A missing or wrong passphrase; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one archive. `check` tells a wrong passphrase from a damaged archive."""

    salt: bytes
    secrets: bytes
    manifest: bytes
    check: str

    @classmethod
    def derive(cls, passphrase: str, salt: bytes | None = None) -> "Keys":
        """Derive the keys, by default of a new archive. Raises `PassphraseError` for a short passphrase of a new archive."""
        if salt is None:
            if len(passphrase) < MINIMUM_LENGTH:
                raise PassphraseError(f"The passphrase needs {MINIMUM_LENGTH} characters or more.")
            salt = secrets.token_bytes(_SALT_BYTES)
        derived = Scrypt(salt=salt, length=3 * _KEY_BYTES, n=_COST, r=8, p=1).derive(passphrase.encode())
        first, second, third = (derived[start : start + _KEY_BYTES] for start in range(0, len(derived), _KEY_BYTES))
        return cls(salt, first, second, sha256(third).hexdigest())

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt the secrets."""
        return Fernet(base64.urlsafe_b64encode(self.secrets)).encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt the secrets. Raises `PassphraseError`."""
        try:
            return Fernet(base64.urlsafe_b64encode(self.secrets)).decrypt(encrypted)
        except InvalidToken as error:
            raise PassphraseError("The secrets in the archive are damaged; use another archive.") from error


def authentication_code(keys: Keys | None, text: bytes) -> str:
    """Return the HMAC-SHA-256 of a text, or without keys its SHA-256."""
    return sha256(text).hexdigest() if keys is None else hmac.new(keys.manifest, text, sha256).hexdigest()
