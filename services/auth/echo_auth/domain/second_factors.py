"""Second factors of users: TOTP (RFC 6238) and recovery codes."""

import hmac
import secrets
from base64 import b32encode
from collections.abc import Callable
from hashlib import sha256

from pydantic import Field

from echo_common.aggregate import Aggregate
from echo_common.contracts.errors.second_factors import (
    InvalidTotpCodeError,
    TwoFactorDisabledConflictError,
    TwoFactorEnabledConflictError,
)

RECOVERY_CODES = 10
_RECOVERY_CODE_BYTES = 10

MatchStep = Callable[[bytes], int | None]
"""Function that returns the time step in which a TOTP code is valid for an encrypted secret, or None."""


class SecondFactors(Aggregate):
    """The part of a user account that holds its second factors. TOTP secrets are encrypted, recovery codes hashed."""

    two_factor_enabled: bool = False
    totp_secret: bytes | None = None
    totp_offered_secret: bytes | None = None
    """The secret of a setup that no code has confirmed yet."""
    totp_last_step: int = 0
    """The time step of the last accepted code; codes of it and of earlier steps are refused."""
    recovery_code_hashes: list[str] = Field(default_factory=list)

    def offer_totp(self, secret: bytes) -> None:
        """Start a setup with this secret, in place of an earlier one. Raises `TwoFactorEnabledConflictError`."""
        if self.totp_secret is not None:
            raise TwoFactorEnabledConflictError
        self.totp_offered_secret = secret

    def enable_totp(self, match: MatchStep, recovery_codes: list[str]) -> None:
        """Confirm the setup with a code, and replace the recovery codes.

        Raises `InvalidTotpCodeError`, `TwoFactorEnabledConflictError`, `TwoFactorDisabledConflictError` without a setup.
        """
        if self.totp_secret is not None:
            raise TwoFactorEnabledConflictError
        if self.totp_offered_secret is None:
            raise TwoFactorDisabledConflictError
        step = match(self.totp_offered_secret)
        if step is None:
            raise InvalidTotpCodeError
        self.totp_secret, self.totp_offered_secret, self.totp_last_step = self.totp_offered_secret, None, step
        self.two_factor_enabled = True
        self.replace_recovery_codes(recovery_codes)

    def enable_with_passkey(self, recovery_codes: list[str]) -> None:
        """Require a passkey as second factor. Raises `TwoFactorEnabledConflictError`."""
        if self.two_factor_enabled:
            raise TwoFactorEnabledConflictError
        self.two_factor_enabled = True
        self.replace_recovery_codes(recovery_codes)

    def use_code(self, code: str, match: MatchStep) -> None:
        """Accept a TOTP code or a recovery code, which then cannot be used again.

        Raises `InvalidTotpCodeError`, `TwoFactorDisabledConflictError`.
        """
        if not self.two_factor_enabled:
            raise TwoFactorDisabledConflictError
        step = None if self.totp_secret is None else match(self.totp_secret)
        if step is not None and step > self.totp_last_step:
            self.totp_last_step = step
            return
        hashed = self._hash(code)
        left = [known for known in self.recovery_code_hashes if not hmac.compare_digest(known, hashed)]
        if len(left) == len(self.recovery_code_hashes):
            raise InvalidTotpCodeError
        self.recovery_code_hashes = left

    def replace_recovery_codes(self, codes: list[str]) -> None:
        """Replace the recovery codes."""
        self.recovery_code_hashes = [self._hash(code) for code in codes]

    def disable_two_factor(self) -> None:
        """Remove the TOTP secret and the recovery codes."""
        self.two_factor_enabled = False
        self.totp_secret = self.totp_offered_secret = None
        self.recovery_code_hashes = []

    def _hash(self, code: str) -> str:
        # fast, because a code has 80 random bits
        return sha256(f"{self.id}\n{''.join(code.split()).replace('-', '').lower()}".encode()).hexdigest()


def create_recovery_codes() -> list[str]:
    """Create recovery codes of 80 random bits each, in groups of four characters."""
    return [_grouped(b32encode(secrets.token_bytes(_RECOVERY_CODE_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)]


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
