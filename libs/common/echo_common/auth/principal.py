"""Who is calling."""

from dataclasses import dataclass
from enum import StrEnum

from echo_common.contracts.values import Plan, Role


class Scope(StrEnum):
    """What a credential may be used for."""

    ACCOUNT = "account"
    SPEECH_READ = "speech:read"
    SPEECH_WRITE = "speech:write"
    VOICES_READ = "voices:read"
    VOICES_WRITE = "voices:write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified identity behind a request: from an access token's claims, never from the request's body."""

    user_id: str
    session_id: str
    plan: Plan
    role: Role
    scopes: frozenset[Scope]
    token_version: int = 0
    """The version of the user's tokens: those of earlier versions are revoked."""

    def may(self, scope: Scope) -> bool:
        """Whether this credential carries the scope."""
        return scope in self.scopes
