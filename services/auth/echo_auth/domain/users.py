"""User accounts."""

from datetime import datetime

from echo_auth.domain.known_networks import KnownNetworks
from echo_auth.domain.second_factors import SecondFactors
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.auth import AccountInactiveError
from echo_common.contracts.events.auth import (
    GuestUpgraded,
    UserDeleted,
    UserRegistered,
    UserTokenVersionRaised,
    UserUpdated,
)
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.values import Plan, Role


class User(SecondFactors, KnownNetworks):
    """A user account. Emails and usernames are case-insensitive.

    A guest has no email, username or password, and so cannot log in. A user without them logs in with Spotify.
    """

    email: str | None = None
    username: str | None = None
    username_key: str | None = None
    password_hash: str | None = None
    email_confirmed: bool = True
    """Whether the user may log in where addresses must be confirmed."""
    email_verified: bool = False
    """Whether the user has proven access to the address, by a link in a mail to it or at the identity provider."""
    plan: Plan = Plan.USER
    role: Role = Role.USER
    is_active: bool = True
    discoverable: bool = False
    """Whether other users find the account by its email address or username."""
    token_version: int = 0
    token_version_raised_at: datetime | None = None
    session_generation: int = 0
    """Sessions of earlier generations have ended."""
    last_login: datetime | None = None
    last_active_date: datetime | None = None
    deleted_at: datetime | None = None
    warned_at: datetime | None = None
    archived_at: datetime | None = None

    @classmethod
    def register(
        cls,
        user_id: str,
        *,
        email: str | None,
        username: str | None,
        password_hash: str | None,
        plan: Plan = Plan.USER,
        role: Role = Role.USER,
    ) -> "User":
        """Create a user and record the event."""
        user = cls(
            id=user_id,
            email=None if email is None else email.lower(),
            username=username,
            username_key=None if username is None else username.lower(),
            password_hash=password_hash,
            plan=plan,
            role=role,
        )
        user.record(UserRegistered(user_id=user_id, plan=plan, role=role))
        return user

    @classmethod
    def guest(cls, user_id: str) -> "User":
        """Create a guest and record the event."""
        user = cls(id=user_id, plan=Plan.GUEST)
        user.record(UserRegistered(user_id=user_id, plan=user.plan, role=user.role))
        return user

    def upgrade(self, *, email: str, username: str | None, password_hash: str, at: datetime) -> None:
        """Make a user of a guest, who keeps the id, and record the event. The sessions of the guest end."""
        self.email = email.lower()
        self.plan = Plan.USER
        self.replace_credentials(username=username, password_hash=password_hash, at=at)
        self.record(GuestUpgraded(user_id=self.id, plan=self.plan, role=self.role))

    def confirm_email(self, email: str) -> None:
        """Set an address to which the user has proven access."""
        self.email, self.email_confirmed, self.email_verified = email.lower(), True, True

    def replace_credentials(self, *, username: str | None, password_hash: str, at: datetime) -> None:
        """Replace username and password, and end all sessions."""
        self.username = username
        self.username_key = None if username is None else username.lower()
        self.change_password(password_hash, at)

    @classmethod
    def local(cls) -> "User":
        """Create the local user, who owns Echo API requests without a token."""
        user = cls(id=LOCAL_USER_ID)
        user.record(UserRegistered(user_id=user.id, plan=user.plan, role=user.role))
        return user

    @property
    def is_guest(self) -> bool:
        """True for a guest who has not become a user."""
        return self.plan is Plan.GUEST and self.email is None

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes of the user's own tokens."""
        return frozenset(Scope) if self.role is Role.ADMIN else frozenset(Scope) - {Scope.ADMIN}

    def administer(
        self, at: datetime, *, plan: Plan | None = None, role: Role | None = None, is_active: bool | None = None
    ) -> None:
        """Change plan, role or activity, revoke access tokens that state the earlier ones, and record the event."""
        self.plan, self.role = plan or self.plan, role or self.role
        if is_active is not None:
            self.is_active = is_active
        if is_active:
            self.archived_at, self.last_active_date = None, at
        if is_active is False:
            self.end_sessions(at)
        else:
            self._raise_token_version(at)
        self._record_update()

    def warn(self, at: datetime) -> None:
        """Record that the user was warned of the archival."""
        self.warned_at = at

    def archive(self, at: datetime) -> None:
        """Deactivate the account because it was not used; an administrator can activate it again."""
        self.archived_at, self.is_active = at, False
        self.end_sessions(at)
        self._record_update()

    def delete(self, at: datetime) -> None:
        """Delete the account: refuse it everywhere, and let every service erase the user's data; idempotent.

        The account itself is erased after the last service.
        """
        if self.deleted_at is None:
            self.deleted_at, self.is_active = at, False
            self.end_sessions(at)
            self.record(UserDeleted(user_id=self.id))

    def release_names(self) -> None:
        """Remove email and username, so that another account can have them."""
        self.email = self.username = self.username_key = None

    def rename(self, username: str) -> None:
        """Change the username."""
        self.username, self.username_key = username, username.lower()

    def end_sessions(self, at: datetime) -> None:
        """End all sessions, revoke all tokens, and record the event."""
        self.session_generation += 1
        self._raise_token_version(at)

    def change_password(self, password_hash: str, at: datetime) -> None:
        """Replace the password and end all sessions."""
        self.password_hash = password_hash
        self.end_sessions(at)

    def record_activity(self, at: datetime) -> None:
        """Record that a credential of the user was used."""
        self.last_active_date = at

    def record_login(self, at: datetime, *, network: str | None = None, password_hash: str | None = None) -> None:
        """Record a login with its network, and the password's new hash if its parameters were outdated.

        Raises `AccountInactiveError`.
        """
        if not self.is_active:
            raise AccountInactiveError
        if network is not None:
            self.remember_network(network, at)
        self.last_login = at
        self.last_active_date = at
        self.password_hash = password_hash or self.password_hash

    def _raise_token_version(self, at: datetime) -> None:
        self.token_version += 1
        self.token_version_raised_at = at
        self.record(UserTokenVersionRaised(user_id=self.id, token_version=self.token_version))

    def _record_update(self) -> None:
        self.record(UserUpdated(user_id=self.id, plan=self.plan, role=self.role, is_active=self.is_active))
