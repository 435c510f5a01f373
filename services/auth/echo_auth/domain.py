"""Domain model of users, profiles and sessions; no I/O, the time is a parameter."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from echo_common.aggregate import Aggregate
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.auth import InvalidRefreshTokenError
from echo_common.contracts.events.auth import SessionRevoked, UserRegistered
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.values import Plan, Role
from echo_common.errors import NotFoundError


class SessionNotFoundError(NotFoundError):
    """The session does not exist."""

    code = "SESSION_NOT_FOUND"


class User(Aggregate):
    """A user account. Emails and usernames are case-insensitive.

    A guest has no email, username or password, and so cannot log in.
    """

    email: str | None = None
    username: str | None = None
    username_key: str | None = None
    password_hash: str | None = None
    plan: Plan = Plan.USER
    role: Role = Role.USER
    is_active: bool = True
    discoverable: bool = False
    """Whether other users find the account by its email address or username."""
    token_version: int = 0
    token_version_raised_at: datetime | None = None
    last_login: datetime | None = None
    last_active_date: datetime | None = None

    @classmethod
    def register(
        cls,
        user_id: str,
        *,
        email: str,
        username: str | None,
        password_hash: str,
        plan: Plan = Plan.USER,
        role: Role = Role.USER,
    ) -> "User":
        """Create a user and record the event."""
        user = cls(
            id=user_id,
            email=email.lower(),
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

    @classmethod
    def local(cls) -> "User":
        """Create the local user, who owns Echo API requests without a token."""
        user = cls(id=LOCAL_USER_ID)
        user.record(UserRegistered(user_id=user.id, plan=user.plan, role=user.role))
        return user

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes of the user's own tokens."""
        return frozenset(Scope) if self.role is Role.ADMIN else frozenset(Scope) - {Scope.ADMIN}

    def logged_in(self, at: datetime, *, password_hash: str | None = None) -> None:
        """Record a login, and the password's new hash if its parameters were outdated."""
        self.last_login = at
        self.last_active_date = at
        self.password_hash = password_hash or self.password_hash


class Profile(Aggregate):
    """A user's personal data; its id is the user's id."""

    user_id: str
    first_name: str | None = None
    last_name: str | None = None
    date_of_birth: datetime | None = None
    preferred_language: str | None = None

    @property
    def birthday(self) -> date | None:
        """Date of birth; stored as a datetime, because the database has no dates."""
        return self.date_of_birth.date() if self.date_of_birth else None

    @property
    def full_name(self) -> str:
        """First and last name; empty if neither is known."""
        return " ".join(filter(None, [self.first_name, self.last_name]))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token, opaque to clients. `family` stays the same for the life of a session, `secret` is valid once.

    Only holders of one of the session's tokens know the family. This distinguishes a spent token from a forged one without
    storing spent tokens.
    """

    session_id: str
    family: str
    secret: str

    @classmethod
    def issue(cls, session_id: str, family: str | None = None) -> "RefreshToken":
        """Create a token, in a new family unless one is given."""
        return cls(session_id, family or secrets.token_urlsafe(18), secrets.token_urlsafe(24))

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Parse a token. Raises `InvalidRefreshTokenError`."""
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise InvalidRefreshTokenError
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.session_id}.{self.family}.{self.secret}"

    def __repr__(self) -> str:
        return f"RefreshToken({self.session_id})"

    @property
    def family_hash(self) -> str:
        """Hash of the family, as stored."""
        return sha256(self.family.encode()).hexdigest()

    @property
    def hash(self) -> str:
        """Hash of the whole token, as stored."""
        return sha256(str(self).encode()).hexdigest()


class RefreshTokenState(StrEnum):
    """The state of a refresh token: current, used before, or of another family."""

    CURRENT = "current"
    SPENT = "spent"
    FOREIGN = "foreign"


class Session(Aggregate):
    """A login: a token family with one current refresh token."""

    user_id: str
    family_hash: str
    refresh_hash: str
    start_time: datetime
    expiry_time: datetime
    last_activity: datetime
    user_agent: str | None = None
    address: str | None = None
    revoked_at: datetime | None = None

    @classmethod
    def start(
        cls, token: RefreshToken, user_id: str, *, at: datetime, lasts: timedelta, user_agent: str | None, address: str | None
    ) -> "Session":
        """Create a session with the given current token."""
        return cls(
            id=token.session_id,
            user_id=user_id,
            family_hash=token.family_hash,
            refresh_hash=token.hash,
            start_time=at,
            expiry_time=at + lasts,
            last_activity=at,
            user_agent=user_agent,
            address=address,
        )

    def classify(self, token: RefreshToken, at: datetime) -> RefreshTokenState:
        """Classify a refresh token as current, spent or foreign."""
        if (
            self.revoked_at is not None
            or at >= self.expiry_time
            or not hmac.compare_digest(self.family_hash, token.family_hash)
        ):
            return RefreshTokenState.FOREIGN
        return RefreshTokenState.CURRENT if hmac.compare_digest(self.refresh_hash, token.hash) else RefreshTokenState.SPENT

    def rotate(self, following: RefreshToken, at: datetime, lasts: timedelta) -> None:
        """Replace the current refresh token with the next one and extend the session."""
        self.refresh_hash = following.hash
        self.last_activity = at
        self.expiry_time = at + lasts

    def revoke(self, at: datetime) -> None:
        """Revoke the session; idempotent."""
        if self.revoked_at is None:
            self.revoked_at = at
            self.record(SessionRevoked(user_id=self.user_id, session_id=self.id))
