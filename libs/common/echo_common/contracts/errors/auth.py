"""Errors of auth."""

from echo_common.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    ValidationError,
)


class ApiKeyLimitError(ConflictError):
    """The account has as many API keys as it may have; delete one with DELETE /api/v1/auth/keys/{key_id}."""

    code = "API_KEY_LIMIT_CONFLICT"


class ApiKeyLogoutError(ForbiddenError):
    """An API key has no session to log out of; delete the key with DELETE /api/v1/auth/keys/{key_id}."""

    code = "API_KEY_LOGOUT"


class ApiKeyNotFoundError(NotFoundError):
    """API key not found; GET /api/v1/auth/keys lists them."""

    code = "API_KEY_NOT_FOUND"


class ScopeNotHeldError(ForbiddenError):
    """An API key cannot have a scope that its creator lacks; leave the scope out."""

    code = "SCOPE_NOT_HELD"


class AvatarNotFoundError(NotFoundError):
    """There is no avatar; upload one with PUT /api/v1/users/me/profile/avatar."""

    code = "AVATAR_NOT_FOUND"


class EmailConflictError(ConflictError):
    """An account with this email address already exists; log in with POST /api/v1/auth/login, or use another address."""

    code = "EMAIL_CONFLICT"


class UsernameConflictError(ConflictError):
    """This username is taken; choose another one, or log in if it is yours."""

    code = "USERNAME_CONFLICT"


class GuestsDisabledError(ForbiddenError):
    """This platform admits no guests; register with POST /api/v1/auth/register."""

    code = "GUESTS_DISABLED"


class NotGuestConflictError(ConflictError):
    """This account is no guest's; it needs no upgrade."""

    code = "NOT_GUEST_CONFLICT"


class EmailNotConfirmedError(ForbiddenError):
    """The email address is not confirmed; open the link in the mail, or register again for a new one."""

    code = "EMAIL_NOT_CONFIRMED"


class InvalidCredentialsError(UnauthenticatedError):
    """Email, username or password is incorrect; correct it, or set a new one with POST /api/v1/auth/password/forgot."""

    code = "INVALID_CREDENTIALS"


class InvalidLinkError(BadRequestError):
    """The link is not valid or has expired; request a new one."""

    code = "INVALID_LINK"


class InvalidRefreshTokenError(UnauthenticatedError):
    """The refresh token is not valid; log in again."""

    code = "INVALID_REFRESH_TOKEN"


class AccountInactiveError(ForbiddenError):
    """This account is deactivated; contact the operator."""

    code = "ACCOUNT_INACTIVE"


class SessionNotFoundError(NotFoundError):
    """The session does not exist; GET /api/v1/auth/sessions lists sessions."""

    code = "SESSION_NOT_FOUND"


class ErasureNotFoundError(NotFoundError):
    """Erasure not found; GET /api/v1/admin/erasures lists erasures."""

    code = "ERASURE_NOT_FOUND"


class LastAdministratorError(ConflictError):
    """This is the last active administrator; give another user the role first."""

    code = "LAST_ADMINISTRATOR_CONFLICT"


class CrossSiteRequestError(ForbiddenError):
    """Browsers may use the refresh cookie from this platform's own origin only; open the platform at its public address."""

    code = "CROSS_SITE_REQUEST"


class TooManyAttemptsError(RateLimitedError):
    """Too many attempts; try again after the time in Retry-After."""

    code = "TOO_MANY_ATTEMPTS"


class UserNotFoundError(NotFoundError):
    """User not found; check the id, or look the user up with GET /api/v1/users/lookup."""

    code = "USER_NOT_FOUND"


class WeakPasswordError(ValidationError):
    """The password is easy to guess; choose a longer one, or one with more uncommon words."""

    code = "WEAK_PASSWORD"


class WrongPasswordError(ForbiddenError):
    """The current password is missing or incorrect; send the password with which you log in."""

    code = "WRONG_PASSWORD"
