"""Authorisation as annotated parameter types of routes."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import HTTPConnection

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import EchoError, ForbiddenError, UnauthenticatedError

_BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="The `access_token` of a login.")


class LoginRequiredError(ForbiddenError):
    """API keys do not permit this request; log in with POST /api/v1/auth/login and use the access token."""

    code = "LOGIN_REQUIRED"


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
"""The request's bearer token."""


async def authorize(request: HTTPConnection, credentials: HTTPAuthorizationCredentials | None, *scopes: Scope) -> Principal:
    """Return the principal, which must have all these scopes, checked with the `verifier` in the app's state.

    Raises `UnauthenticatedError`, `ForbiddenError`.
    """
    if credentials is None or not credentials.credentials:
        refusal: EchoError | None = getattr(request.state, "refusal", None)  # by the gateway, of a credential in another form
        raise refusal or UnauthenticatedError()
    verifier: TokenVerifier = request.app.state.verifier
    principal = await verifier.verify(credentials.credentials)
    if not all(map(principal.may, scopes)):
        raise ForbiddenError
    return principal


async def authorize_websocket(connection: HTTPConnection, *scopes: Scope) -> Principal:
    """Return the principal of a WebSocket handshake by its bearer token; see `authorize`."""
    scheme, token = get_authorization_scheme_param(connection.headers.get("Authorization"))
    credentials = HTTPAuthorizationCredentials(scheme=scheme, credentials=token) if scheme.lower() == "bearer" else None
    return await authorize(connection, credentials, *scopes)


@dataclass(frozen=True)
class Access:
    """A dependency that authorises a request and returns its principal; it also declares the access of a public endpoint.

    `scopes` are required of every token. With `optional`, a request without a token passes, with None as its principal. With
    `ticket_param`, so does a request with this query parameter: the endpoint then checks the ticket, or the signature, in it.
    With `login`, the token of a login is required: API keys are refused.
    """

    scopes: tuple[Scope, ...] = ()
    optional: bool = False
    ticket_param: str | None = None
    login: bool = False

    async def __call__(self, request: Request, credentials: Bearer) -> Principal | None:
        """Return the principal, or None where none is required.

        Raises `UnauthenticatedError`, `ForbiddenError`, `LoginRequiredError`.
        """
        if self.optional and credentials is None:
            return None
        if self.ticket_param is not None and self.ticket_param in request.query_params:
            return None
        principal = await authorize(request, credentials, *self.scopes)
        if self.login and principal.uses_api_key:
            raise LoginRequiredError
        return principal


CurrentPrincipal = Annotated[Principal, Depends(Access())]
AccountHolder = Annotated[Principal, Depends(Access((Scope.ACCOUNT,)))]
LoggedInUser = Annotated[Principal, Depends(Access((Scope.ACCOUNT,), login=True))]
"""A user with the token of a login: for changes of credentials, which a stolen API key must not make."""
SpeechReader = Annotated[Principal, Depends(Access((Scope.SPEECH_READ,)))]
SpeechWriter = Annotated[Principal, Depends(Access((Scope.SPEECH_WRITE,)))]
VoicesReader = Annotated[Principal, Depends(Access((Scope.VOICES_READ,)))]
VoicesWriter = Annotated[Principal, Depends(Access((Scope.VOICES_WRITE,)))]
ListeningReader = Annotated[Principal, Depends(Access((Scope.LISTENING_READ,)))]
ListeningWriter = Annotated[Principal, Depends(Access((Scope.LISTENING_WRITE,)))]
Administrator = Annotated[Principal, Depends(Access((Scope.ADMIN,)))]


async def _token(credentials: Bearer) -> str:
    return "" if credentials is None else credentials.credentials


Token = Annotated[str, Depends(_token)]
"""The request's access token, for requests to other services on the user's behalf; the endpoint's principal verifies it."""
