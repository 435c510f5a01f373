"""Users, their profiles and their sessions. Pure: no I/O, time is passed in."""

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
    """There is no such session."""

    code = "SESSION_NOT_FOUND"


class User(Aggregate):
    """Somebody with an account. Two spellings of an email or username that differ in case only are the same.

    A guest has neither, nor a password: nobody logs in as one.
    """

    email: str | None = None
    username: str | None = None
    username_key: str | None = None
    password_hash: str | None = None
    plan: Plan = Plan.USER
    role: Role = Role.USER
    is_active: bool = True
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
        """A new user, and the fact that there is one."""
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
        """Somebody who has said nothing about themselves, and the fact that there is one."""
        user = cls(id=user_id, plan=Plan.GUEST)
        user.record(UserRegistered(user_id=user_id, plan=user.plan, role=user.role))
        return user

    @classmethod
    def local(cls) -> "User":
        """Make the user of the Echo API without a token."""
        user = cls(id=LOCAL_USER_ID)
        user.record(UserRegistered(user_id=user.id, plan=user.plan, role=user.role))
        return user

    @property
    def scopes(self) -> frozenset[Scope]:
        """What this user's own tokens may be used for."""
        return frozenset(Scope) if self.role is Role.ADMIN else frozenset(Scope) - {Scope.ADMIN}

    def logged_in(self, at: datetime, *, password_hash: str | None = None) -> None:
        """Note a log-in, and the password's new hash when it was made with other parameters than today's."""
        self.last_login = at
        self.last_active_date = at
        self.password_hash = password_hash or self.password_hash


class Profile(Aggregate):
    """What a user says about themselves. Its id is the user's."""

    user_id: str
    first_name: str | None = None
    last_name: str | None = None
    date_of_birth: datetime | None = None
    preferred_language: str | None = None

    @property
    def birthday(self) -> date | None:
        """The date of birth; the database knows moments only."""
        return self.date_of_birth.date() if self.date_of_birth else None

    @property
    def full_name(self) -> str:
        """First and last name; empty when neither is known."""
        return " ".join(filter(None, [self.first_name, self.last_name]))


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Opaque to its holder. `family` stays the same over a session's life, `secret` is good for one use.

    Whoever knows the family holds, or has held, one of the session's tokens: that tells a spent token from a made-up one
    without keeping every spent one.
    """

    session_id: str
    family: str
    secret: str

    @classmethod
    def issue(cls, session_id: str, family: str | None = None) -> "RefreshToken":
        """A new token, of a new family unless one is given."""
        return cls(session_id, family or secrets.token_urlsafe(18), secrets.token_urlsafe(24))

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises `InvalidRefreshTokenError`."""
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
        """What is kept of the family."""
        return sha256(self.family.encode()).hexdigest()

    @property
    def hash(self) -> str:
        """What is kept of the whole."""
        return sha256(str(self).encode()).hexdigest()


class Presented(StrEnum):
    """What a refresh token turned out to be."""

    CURRENT = "current"
    SPENT = "spent"
    FOREIGN = "foreign"


class Session(Aggregate):
    """One login: a family of refresh tokens, of which one is current."""

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
        """A session whose current token is the one given."""
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

    def judge(self, token: RefreshToken, at: datetime) -> Presented:
        """What the token is to this session."""
        if (
            self.revoked_at is not None
            or at >= self.expiry_time
            or not hmac.compare_digest(self.family_hash, token.family_hash)
        ):
            return Presented.FOREIGN
        return Presented.CURRENT if hmac.compare_digest(self.refresh_hash, token.hash) else Presented.SPENT

    def rotate(self, following: RefreshToken, at: datetime, lasts: timedelta) -> None:
        """Spend the current token; the one given follows it."""
        self.refresh_hash = following.hash
        self.last_activity = at
        self.expiry_time = at + lasts

    def revoke(self, at: datetime) -> None:
        """End the session before its time. Doing it again changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = at
            self.record(SessionRevoked(user_id=self.user_id, session_id=self.id))
