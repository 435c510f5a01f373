"""Identity of a request."""

from dataclasses import dataclass, field

from echo_common.contracts.values import Plan, Role, Scope

__all__ = ["API_KEY_ID", "Principal", "Scope"]

API_KEY_ID = "key"
"""Prefix of the ids of API keys. Access tokens that stand for an API key have its id as their session's."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified identity of a request: from an access token's claims, never from the request's body."""

    user_id: str
    session_id: str
    plan: Plan
    role: Role
    scopes: frozenset[Scope]
    token_version: int = 0
    """Version of the user's tokens; tokens of earlier versions are revoked."""
    language: str | None = None
    """The user's preferred language, a BCP 47 tag."""
    expires_at: float | None = field(default=None, compare=False)
    """Time at which the credential expires, in seconds since the epoch; None if it does not."""

    @property
    def uses_api_key(self) -> bool:
        """True if the credential is an API key, false if it is the token of a login."""
        return self.session_id.startswith(f"{API_KEY_ID}_")

    def may(self, scope: Scope) -> bool:
        """Return whether this credential has the scope."""
        return scope in self.scopes
