"""Request and response bodies of the administration of users."""

from pydantic import Field

from echo_common.contracts.http.auth import UserView
from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.values import Plan, Role


class AdministeredUser(UserView):
    """A user, as administrators see it."""

    is_active: bool = Field(description="Whether the user can log in.")


class UserAdministrationPatch(RequestBody):
    """Changes of a user by an administrator; absent fields stay unchanged."""

    plan: Plan | None = Field(None, examples=["premium"])
    role: Role | None = Field(None, examples=["user"])
    is_active: bool | None = Field(None, description="false ends all sessions and refuses further log-ins.", examples=[True])
