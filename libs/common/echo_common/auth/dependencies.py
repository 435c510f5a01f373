"""Authorisation as annotated parameter types of routes."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import ForbiddenError, UnauthenticatedError

_BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="An access token.")


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
"""The request's bearer token, for routes that also accept another credential: see `authorized`."""


async def principal_of(request: Request, credentials: Bearer) -> Principal:
    """Return the principal of `Authorization: Bearer …`, checked with the `verifier` in the app's state."""
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError
    verifier: TokenVerifier = request.app.state.verifier
    return await verifier.verify(credentials.credentials)


async def authorized(request: Request, credentials: HTTPAuthorizationCredentials | None, *scopes: Scope) -> Principal:
    """Return the principal, which must have all these scopes. Raises `UnauthenticatedError`, `ForbiddenError`."""
    principal = await principal_of(request, credentials)
    if not all(map(principal.may, scopes)):
        raise ForbiddenError
    return principal


def somebody(*scopes: Scope) -> Any:
    """Return a dependency on the principal, None without a token; a token that is sent must be valid and have all these scopes."""

    async def shown(request: Request, credentials: Bearer) -> Principal | None:
        return None if credentials is None else await authorized(request, credentials, *scopes)

    return Depends(shown)


CurrentPrincipal = Annotated[Principal, Depends(principal_of)]


def allow(*scopes: Scope) -> Any:
    """Return a dependency on a principal with all these scopes; the types below cover the usual cases."""

    async def allowed(principal: CurrentPrincipal) -> Principal:
        if not all(map(principal.may, scopes)):
            raise ForbiddenError
        return principal

    return Depends(allowed)


AccountHolder = Annotated[Principal, allow(Scope.ACCOUNT)]
SpeechReader = Annotated[Principal, allow(Scope.SPEECH_READ)]
SpeechWriter = Annotated[Principal, allow(Scope.SPEECH_WRITE)]
VoicesReader = Annotated[Principal, allow(Scope.VOICES_READ)]
VoicesWriter = Annotated[Principal, allow(Scope.VOICES_WRITE)]
Administrator = Annotated[Principal, allow(Scope.ADMIN)]
