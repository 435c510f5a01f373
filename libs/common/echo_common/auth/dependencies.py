"""Who may call, as an annotated type in a route's signature."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import ForbiddenError, UnauthenticatedError

_BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="An access token.")


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
"""What a request brings as its token, for routes where something else may stand for it: see `authorized`."""


async def principal_of(request: Request, credentials: Bearer) -> Principal:
    """The caller, from `Authorization: Bearer …`; the app's state holds the `verifier`."""
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError
    verifier: TokenVerifier = request.app.state.verifier
    return await verifier.verify(credentials.credentials)


async def authorized(request: Request, credentials: HTTPAuthorizationCredentials | None, *scopes: Scope) -> Principal:
    """The caller, who must carry all these scopes. Raises `UnauthenticatedError`, `ForbiddenError`."""
    principal = await principal_of(request, credentials)
    if not all(map(principal.may, scopes)):
        raise ForbiddenError
    return principal


def somebody(*scopes: Scope) -> Any:
    """A dependency on the caller, or None where no token is shown; one that is shown must be valid and carry these scopes."""

    async def shown(request: Request, credentials: Bearer) -> Principal | None:
        return None if credentials is None else await authorized(request, credentials, *scopes)

    return Depends(shown)


CurrentPrincipal = Annotated[Principal, Depends(principal_of)]


def allow(*scopes: Scope) -> Any:
    """A dependency on a principal who carries all these scopes; the types below cover the usual cases."""

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
