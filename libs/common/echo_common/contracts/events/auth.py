"""Events published by auth."""

from typing import ClassVar

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.values import Plan, Role


class UserRegistered(DomainEvent):
    """A user or a guest was created."""

    topic: ClassVar[str] = "auth.user_registered"

    user_id: str
    plan: Plan
    role: Role
    is_active: bool = True


class GuestUpgraded(DomainEvent):
    """A guest became a user; the id is the same."""

    topic: ClassVar[str] = "auth.guest_upgraded"

    user_id: str
    plan: Plan
    role: Role
    is_active: bool = True


class UserUpdated(DomainEvent):
    """The plan, the role or the activity of a user changed."""

    topic: ClassVar[str] = "auth.user_updated"

    user_id: str
    plan: Plan
    role: Role
    is_active: bool


class UserDeleted(DomainEvent):
    """A user's account was deleted: every service erases the user's data."""

    topic: ClassVar[str] = "auth.user_deleted"

    user_id: str


class SettingChanged(DomainEvent):
    """A system setting was changed, or set back to its default."""

    topic: ClassVar[str] = "auth.setting_changed"

    key: str


class SessionRevoked(DomainEvent):
    """A session ended early: its tokens are revoked."""

    topic: ClassVar[str] = "auth.session_revoked"

    user_id: str
    session_id: str


class UserTokenVersionRaised(DomainEvent):
    """Access tokens of a user below this version are revoked."""

    topic: ClassVar[str] = "auth.user_token_version_raised"

    user_id: str
    token_version: int


class SessionStarted(DomainEvent):
    """A user logged in."""

    topic: ClassVar[str] = "auth.session_started"

    user_id: str
    session_id: str


class ExportRequested(DomainEvent):
    """A user requested an archive of all data of the user."""

    topic: ClassVar[str] = "auth.export_requested"

    user_id: str
    export_id: str


class AuthErrorLogged(ErrorLogged):
    """The auth service logged errors."""

    topic: ClassVar[str] = "auth.error_logged"
