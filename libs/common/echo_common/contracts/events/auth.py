"""Facts published by auth."""

from typing import ClassVar

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.values import Plan, Role


class UserRegistered(DomainEvent):
    """Somebody has an identity now."""

    topic: ClassVar[str] = "auth.user_registered"

    user_id: str
    plan: Plan
    role: Role


class SessionRevoked(DomainEvent):
    """A login has ended before its time: tokens of this session are worth nothing any more."""

    topic: ClassVar[str] = "auth.session_revoked"

    user_id: str
    session_id: str
