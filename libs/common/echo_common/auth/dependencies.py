"""Authorisation as annotated parameter types of routes."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import ForbiddenError, UnauthenticatedError

_BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="The `access_token` of a login.")

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
"""The request's bearer token."""


async def authorize(request: Request, credentials: HTTPAuthorizationCredentials | None, *scopes: Scope) -> Principal:
    """Return the principal, which must have all these scopes, checked with the `verifier` in the app's state.

    Raises `UnauthenticatedError`, `ForbiddenError`.
    """
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError
    verifier: TokenVerifier = request.app.state.verifier
    principal = await verifier.verify(credentials.credentials)
    if not all(map(principal.may, scopes)):
        raise ForbiddenError
    return principal


@dataclass(frozen=True)
class Access:
    """A dependency that authorises a request and returns its principal; it also declares the access of a public endpoint.

    `scopes` are required of every token. With `optional`, a request without a token passes, with None as its principal. With
    `ticket_param`, so does a request with this query parameter: the endpoint then checks the ticket, or the signature, in it.
    """

    scopes: tuple[Scope, ...] = ()
    optional: bool = False
    ticket_param: str | None = None

    async def __call__(self, request: Request, credentials: Bearer) -> Principal | None:
        """Return the principal, or None where none is required. Raises `UnauthenticatedError`, `ForbiddenError`."""
        if self.optional and credentials is None:
            return None
        if self.ticket_param is not None and self.ticket_param in request.query_params:
            return None
        return await authorize(request, credentials, *self.scopes)


CurrentPrincipal = Annotated[Principal, Depends(Access())]
AccountHolder = Annotated[Principal, Depends(Access((Scope.ACCOUNT,)))]
SpeechReader = Annotated[Principal, Depends(Access((Scope.SPEECH_READ,)))]
SpeechWriter = Annotated[Principal, Depends(Access((Scope.SPEECH_WRITE,)))]
VoicesReader = Annotated[Principal, Depends(Access((Scope.VOICES_READ,)))]
VoicesWriter = Annotated[Principal, Depends(Access((Scope.VOICES_WRITE,)))]
Administrator = Annotated[Principal, Depends(Access((Scope.ADMIN,)))]
