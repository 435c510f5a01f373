"""Registrations of users."""

from datetime import datetime

from pydantic import BaseModel

from echo_auth.domain.profiles import Profile
from echo_auth.domain.users import User
from echo_common.contracts.values import Plan, Role


class Registration(BaseModel):
    """The data of a new account."""

    user_id: str
    email: str
    username: str | None = None
    password_hash: str
    first_name: str | None = None
    last_name: str | None = None
    date_of_birth: datetime | None = None
    preferred_language: str | None = None
    address: str | None = None
    plan: Plan = Plan.USER
    role: Role = Role.USER

    def user(self, *, email_confirmed: bool, email_verified: bool = False) -> User:
        """Return the new user."""
        user = User.register(
            self.user_id,
            email=self.email,
            username=self.username,
            password_hash=self.password_hash,
            plan=self.plan,
            role=self.role,
        )
        user.email_confirmed, user.email_verified = email_confirmed, email_verified
        return user

    def profile(self) -> Profile:
        """Return the new user's profile."""
        return Profile(
            id=self.user_id,
            user_id=self.user_id,
            first_name=self.first_name,
            last_name=self.last_name,
            date_of_birth=self.date_of_birth,
            preferred_language=self.preferred_language,
        )
