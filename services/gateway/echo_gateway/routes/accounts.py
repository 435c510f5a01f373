"""Who one is: accounts, logging in and out."""

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    TooManyAttemptsError,
    UsernameConflictError,
    UserNotFoundError,
)
from echo_common.contracts.http.auth import (
    JWKS_PATH,
    Jwks,
    Login,
    LoginRequest,
    RefreshRequest,
    RegisterRequest,
    Tokens,
    UserView,
)
from echo_common.http.envelope import Success
from echo_gateway.proxy import ProxyRouter, enveloped

# Answers here carry tokens, which are secrets: no Idempotency-Key keeps them.
accounts = ProxyRouter("authentication", service="auth")
users = ProxyRouter("users", service="auth")
keys = ProxyRouter("authentication", service="auth", root="")

_USER = {
    "id": "usr_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "email": "ada@example.com",
    "username": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "preferred_language": "en",
    "date_of_birth": "1915-12-10",
    "plan": "user",
    "role": "user",
    "created_at": "2026-01-31T10:00:00Z",
    "last_login": "2026-01-31T10:00:00Z",
}
_TOKENS = {"access_token": "eyJ…", "refresh_token": "sTf0…", "token_type": "Bearer", "expires_in": 900}


@accounts.forward(
    "POST",
    "/auth/register",
    public=True,
    status=201,
    answers=Success[Login],
    errors=(EmailConflictError, UsernameConflictError),
    example=enveloped(_TOKENS | {"user": _USER}),
)
def register(body: RegisterRequest) -> None:
    """Register an account and log in."""


@accounts.forward(
    "POST",
    "/auth/login",
    public=True,
    answers=Success[Login],
    errors=(InvalidCredentialsError, AccountInactiveError, TooManyAttemptsError),
    example=enveloped(_TOKENS | {"user": _USER}),
)
def log_in(body: LoginRequest) -> None:
    """Log in with an email address or a username."""


@accounts.forward(
    "POST",
    "/auth/refresh",
    public=True,
    answers=Success[Tokens],
    errors=(InvalidRefreshTokenError,),
    example=enveloped(_TOKENS),
)
def refresh(body: RefreshRequest) -> None:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token is valid once. Presenting a used one ends the session, because it may have been stolen.
    """


@accounts.forward("POST", "/auth/logout", answers=Success[None], example=enveloped(None, message="Logged out."))
def log_out() -> None:
    """Log out.

    The session's access tokens are refused everywhere within five seconds.
    """


@users.forward(
    "GET", "/users/me", scope=Scope.ACCOUNT, answers=Success[UserView], errors=(UserNotFoundError,), example=enveloped(_USER)
)
def who_am_i() -> None:
    """Get the current user."""


@keys.forward(
    "GET", JWKS_PATH, public=True, answers=Jwks, example={"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "…", "x": "…"}]}
)
def public_keys() -> None:
    """List the public keys that verify access tokens (RFC 7517)."""
