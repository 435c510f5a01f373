"""Errors of passkeys."""

from echo_common.errors import ConflictError, NotFoundError, UnauthenticatedError


class InvalidPasskeyError(UnauthenticatedError):
    """The passkey's response is not valid, expired or already used; start again with new options."""

    code = "INVALID_PASSKEY"


class PasskeyConflictError(ConflictError):
    """This passkey is already registered; list passkeys with GET /api/v1/auth/passkeys."""

    code = "PASSKEY_CONFLICT"


class PasskeyLimitConflictError(ConflictError):
    """The account has the maximum number of passkeys; delete one first."""

    code = "PASSKEY_LIMIT_CONFLICT"


class LastSecondFactorConflictError(ConflictError):
    """This passkey is the account's only second factor; disable two-factor authentication first, or set up TOTP."""

    code = "LAST_SECOND_FACTOR_CONFLICT"


class PasskeyNotFoundError(NotFoundError):
    """Passkey not found; list passkeys with GET /api/v1/auth/passkeys."""

    code = "PASSKEY_NOT_FOUND"
