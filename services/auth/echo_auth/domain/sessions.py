"""Sessions and their refresh tokens."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from echo_auth.domain.request_origin import RequestOrigin
from echo_common.aggregate import Aggregate
from echo_common.contracts.errors.auth import InvalidRefreshTokenError
from echo_common.contracts.events.auth import SessionRevoked, SessionStarted

_CONCURRENT = timedelta(seconds=10)
"""Time after a refresh within which its token may arrive again, from a concurrent request or a retry."""


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
    """The state of a refresh token: current, used a moment ago, used before, or of another family."""

    CURRENT = "current"
    JUST_SPENT = "just_spent"
    SPENT = "spent"
    FOREIGN = "foreign"


class Session(Aggregate):
    """A login: a token family with one current refresh token."""

    user_id: str
    family_hash: str
    refresh_hash: str
    spent_hash: str | None = None
    """Hash of the token that the current one replaced at `last_activity`."""
    generation: int = 0
    """The user's session generation; sessions of earlier generations have ended."""
    start_time: datetime
    expiry_time: datetime
    last_activity: datetime
    user_agent: str | None = None
    address: str | None = None
    revoked_at: datetime | None = None

    @classmethod
    def start(
        cls,
        token: RefreshToken,
        user_id: str,
        *,
        at: datetime,
        lasts: timedelta,
        origin: RequestOrigin,
        generation: int = 0,
    ) -> "Session":
        """Create a session with the given current token."""
        session = cls(
            id=token.session_id,
            user_id=user_id,
            family_hash=token.family_hash,
            refresh_hash=token.hash,
            generation=generation,
            start_time=at,
            expiry_time=at + lasts,
            last_activity=at,
            user_agent=origin.user_agent,
            address=origin.address,
        )
        session.record(SessionStarted(user_id=user_id, session_id=session.id))
        return session

    def classify(self, token: RefreshToken, at: datetime) -> RefreshTokenState:
        """Classify a refresh token.

        The last spent token may come from a concurrent request of the same client for a few seconds; it is not current any
        more, but no sign of a theft.
        """
        if (
            self.revoked_at is not None
            or at >= self.expiry_time
            or not hmac.compare_digest(self.family_hash, token.family_hash)
        ):
            return RefreshTokenState.FOREIGN
        if hmac.compare_digest(self.refresh_hash, token.hash):
            return RefreshTokenState.CURRENT
        just_spent = hmac.compare_digest(self.spent_hash or "", token.hash) and at < self.last_activity + _CONCURRENT
        return RefreshTokenState.JUST_SPENT if just_spent else RefreshTokenState.SPENT

    def rotate(self, following: RefreshToken, at: datetime, lasts: timedelta) -> None:
        """Replace the current refresh token with the next one and extend the session."""
        self.spent_hash, self.refresh_hash = self.refresh_hash, following.hash
        self.last_activity = at
        self.expiry_time = at + lasts

    def restart(self, token: RefreshToken, at: datetime, lasts: timedelta, generation: int) -> None:
        """Continue the session with a token of a new family, in another session generation of the user."""
        self.rotate(token, at, lasts)
        self.family_hash, self.spent_hash, self.generation = token.family_hash, None, generation

    def revoke(self, at: datetime) -> None:
        """Revoke the session; idempotent."""
        if self.revoked_at is None:
            self.revoked_at = at
            self.record(SessionRevoked(user_id=self.user_id, session_id=self.id))
