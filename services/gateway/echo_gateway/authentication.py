"""Authentication of requests: the token is verified once, before any other processing."""

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.auth.principal import Scope as CredentialScope
from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import EchoError, ForbiddenError, UnauthenticatedError
from echo_common.http.languages import accepted_languages
from echo_gateway.tokenless import TokenlessAccess


class Authentication:
    """Middleware that stores the `principal` in the request's state, or the `refusal` that protected routes raise.

    Public routes and rate limits work without a principal, so an invalid token does not block a login.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify the token, then call the app."""
        if scope["type"] in {"http", "websocket"}:
            try:
                if (token := bearer_of(scope) or await self._without_token(scope)) is not None:
                    verifier: TokenVerifier = scope["app"].state.verifier
                    principal = scope["state"]["principal"] = await verifier.verify(token)
                    if principal.language is not None:
                        _prefer(principal.language, scope)
            except EchoError as refusal:
                scope["state"]["refusal"] = refusal
        await self._app(scope, receive, send)

    async def _without_token(self, scope: Scope) -> str | None:
        """Add the local user's token to a request that needs no token of its own; return it, or None."""
        access: TokenlessAccess | None = scope["app"].state.dependencies.tokenless
        if access is None or any(name == b"authorization" for name, _ in scope["headers"]) or not access.allows(scope):
            return None
        token = await access.token()
        scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + token.encode())]
        return token


def _prefer(language: str, scope: Scope) -> None:
    """Put the user's preferred language into the place of the browser's, here and for the service."""
    accepted_languages.set(language)
    others = [header for header in scope["headers"] if header[0] != b"accept-language"]
    scope["headers"] = [*others, (b"accept-language", language.encode())]


def authorize(request: Scope, *scopes: CredentialScope) -> Principal:
    """Return the principal, whose credential must have all these scopes.

    Raises the `EchoError` of the rejected token, `UnauthenticatedError`, `ForbiddenError`.
    """
    principal: Principal | None = request["state"].get("principal")
    if principal is None:
        raise request["state"].get("refusal") or UnauthenticatedError()
    if not all(map(principal.may, scopes)):
        raise ForbiddenError
    return principal


def bearer_of(scope: Scope) -> str | None:
    """Return the bearer token of a request, or None."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
    return None
