"""Authentication of requests: the credential is verified once, before any other processing."""

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.auth.principal import Scope as CredentialScope
from echo_common.auth.tokens import AmbiguousCredentialsError, InvalidApiKeyError, TokenVerifier
from echo_common.errors import EchoError, ForbiddenError, UnauthenticatedError
from echo_common.http.addresses import address_of
from echo_common.http.languages import accepted_languages
from echo_gateway.credential_exchange import CredentialExchange, is_api_key, needs_exchange
from echo_gateway.tokenless import TokenlessAccess

_CREDENTIALS = frozenset({b"authorization", b"x-api-key"})


class Authentication:
    """Middleware that stores the `principal` in the request's state, or the `refusal` that protected routes raise.

    A credential that is no access token of ours is exchanged for one, so services see nothing but these.

    Public routes and rate limits work without a principal, so an invalid token does not block a login.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify the token, then call the app."""
        if scope["type"] in {"http", "websocket"}:
            try:
                if (principal := await self._principal(scope)) is not None:
                    scope["state"]["principal"] = principal
                    if principal.language is not None:
                        _prefer(principal.language, scope)
            except EchoError as refusal:
                scope["state"]["refusal"] = refusal
                _withhold_credentials(scope)
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal | None:
        verifier: TokenVerifier = scope["app"].state.verifier
        credential = credential_of(scope)
        if credential is not None and needs_exchange(credential):
            return await _exchanged(credential, verifier, scope)
        token = credential or await self._without_token(scope)
        return None if token is None else await verifier.verify(token)

    async def _without_token(self, scope: Scope) -> str | None:
        """Add the local user's token to a request that needs no token of its own; return it, or None."""
        access: TokenlessAccess | None = scope["app"].state.dependencies.tokenless
        if access is None or any(name in _CREDENTIALS for name, _ in scope["headers"]) or not access.allows(scope):
            return None
        verifier: TokenVerifier = scope["app"].state.verifier
        await verifier.require_keys()
        token = await access.token()
        scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + token.encode())]
        return token


async def _exchanged(credential: str, verifier: TokenVerifier, scope: Scope) -> Principal:
    """Put the access token of a credential into its place, and return its principal."""
    token, principal = await _exchange(credential, verifier, scope)
    scope["state"]["credential"] = credential
    others = [header for header in scope["headers"] if header[0] not in _CREDENTIALS]
    scope["headers"] = [*others, (b"authorization", b"Bearer " + token.encode())]
    return principal


async def _exchange(credential: str, verifier: TokenVerifier, scope: Scope) -> tuple[str, Principal]:
    await verifier.require_keys()  # without them, auth is not asked for a token in vain
    exchange: CredentialExchange = scope["app"].state.dependencies.credential_exchange
    token = await exchange.token_of(credential, address_of(scope))
    try:
        return token, await verifier.verify(token)
    except UnauthenticatedError:  # revoked or expired meanwhile; auth knows more
        exchange.forget(credential)
        token = await exchange.token_of(credential, address_of(scope))
        return token, await verifier.verify(token)


async def valid_token(request: Scope) -> str | None:
    """Return the access token of a request that is still open, or None if it has none.

    A token that was exchanged for another credential is renewed for as long as that is valid. Raises the errors of
    `TokenVerifier.verify` and of the exchange.
    """
    verifier: TokenVerifier = request["app"].state.verifier
    if (credential := request["state"].get("credential")) is not None:
        token, _ = await _exchange(credential, verifier, request)
        return token
    if "principal" not in request["state"] or (own := bearer_of(request)) is None:
        return None
    await verifier.verify(own)
    return own


def _withhold_credentials(scope: Scope) -> None:
    """Remove refused API keys and foreign tokens: a public route is served without them."""
    scope["headers"] = [
        (name, value)
        for name, value in scope["headers"]
        if name != b"x-api-key" and not (name == b"authorization" and needs_exchange(_bearer(value) or ""))
    ]


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
    return next((token for name, value in scope["headers"] if name == b"authorization" and (token := _bearer(value))), None)


def credential_of(scope: Scope) -> str | None:
    """Return the bearer token or the API key of a request, or None.

    Raises `AmbiguousCredentialsError` if it carries different ones, `InvalidApiKeyError` if `X-API-Key` holds no API key.
    """
    found: str | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            credential = _bearer(value)
        elif name == b"x-api-key":
            credential = value.strip().decode("latin-1")
            if not is_api_key(credential):
                raise InvalidApiKeyError
        else:
            continue
        if found and credential and credential != found:
            raise AmbiguousCredentialsError
        found = credential or found
    return found


def _bearer(value: bytes) -> str | None:
    return value[7:].strip().decode("latin-1") if value[:7].lower() == b"bearer " else None
