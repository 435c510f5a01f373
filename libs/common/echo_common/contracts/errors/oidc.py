"""Errors of the identity provider."""

from echo_common.errors import ConflictError, ForbiddenError, NotFoundError, ServiceUnavailableError, UnauthenticatedError


class OidcNotConfiguredError(NotFoundError):
    """No identity provider is configured; log in with POST /api/v1/auth/login."""

    code = "IDENTITY_PROVIDER_NOT_FOUND"


class OidcLoginFailedError(UnauthenticatedError):
    """The login at the identity provider failed or has expired; start again with GET /api/v1/auth/oidc/login."""

    code = "OIDC_LOGIN_FAILED"


class OidcAccountRefusedError(ForbiddenError):
    """This user of the identity provider has no access here: confirm the email there, or ask the operator for an account."""

    code = "OIDC_ACCOUNT_REFUSED"


class LinkRequiredConflictError(ConflictError):
    """An account with this email exists. Log in to it, then confirm with POST /api/v1/auth/oidc/link and the `link_token` in the details."""

    code = "LINK_REQUIRED_CONFLICT"


class LinkRefusedConflictError(ConflictError):
    """The link token is not valid, has expired, or is for another account; log in at the identity provider again."""

    code = "LINK_REFUSED_CONFLICT"


class IdentityProviderUnavailableError(ServiceUnavailableError):
    """The identity provider is not reachable or sent an invalid response; try again shortly."""

    code = "IDENTITY_PROVIDER_UNAVAILABLE"
