"""Errors of second factors."""

from echo_common.errors import ConflictError, ForbiddenError, UnauthenticatedError


class TotpRequiredError(UnauthenticatedError):
    """This account requires a second factor; log in again with `totp_code` or `passkey`."""

    code = "TOTP_REQUIRED"


class InvalidTotpCodeError(UnauthenticatedError):
    """The code is wrong, expired or already used; enter the current code of the authenticator app, or a recovery code."""

    code = "INVALID_TOTP_CODE"


class ReauthenticationRequiredError(ForbiddenError):
    """This change needs a recent login; log in again, then repeat it within 30 minutes."""

    code = "REAUTHENTICATION_REQUIRED"


class TwoFactorEnabledConflictError(ConflictError):
    """Two-factor authentication is already enabled; disable it first with POST /api/v1/auth/2fa/disable."""

    code = "TWO_FACTOR_ENABLED_CONFLICT"


class TwoFactorDisabledConflictError(ConflictError):
    """Two-factor authentication is not set up; start with POST /api/v1/auth/2fa/setup."""

    code = "TWO_FACTOR_DISABLED_CONFLICT"
