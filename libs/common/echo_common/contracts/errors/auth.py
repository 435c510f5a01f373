"""What auth refuses."""

from echo_common.errors import ConflictError, ForbiddenError, NotFoundError, RateLimitedError, UnauthenticatedError


class EmailConflictError(ConflictError):
    """There is an account with this email address already."""

    code = "EMAIL_CONFLICT"


class UsernameConflictError(ConflictError):
    """This username is taken."""

    code = "USERNAME_CONFLICT"


class InvalidCredentialsError(UnauthenticatedError):
    """Email, username or password is not right."""

    code = "INVALID_CREDENTIALS"


class InvalidRefreshTokenError(UnauthenticatedError):
    """The refresh token is not valid; log in again."""

    code = "INVALID_REFRESH_TOKEN"


class AccountInactiveError(ForbiddenError):
    """This account is switched off; ask the operator."""

    code = "ACCOUNT_INACTIVE"


class TooManyAttemptsError(RateLimitedError):
    """Too many failed attempts to log in; wait as long as Retry-After says."""

    code = "TOO_MANY_ATTEMPTS"


class UserNotFoundError(NotFoundError):
    """There is no such user."""

    code = "USER_NOT_FOUND"
