"""Identity of a request."""

from dataclasses import dataclass
from enum import StrEnum

from echo_common.contracts.values import Plan, Role


class Scope(StrEnum):
    """A right of a credential."""

    ACCOUNT = "account"
    SPEECH_READ = "speech:read"
    SPEECH_WRITE = "speech:write"
    VOICES_READ = "voices:read"
    VOICES_WRITE = "voices:write"
    ADMIN = "admin"


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

    def may(self, scope: Scope) -> bool:
        """Return whether this credential has the scope."""
        return scope in self.scopes
