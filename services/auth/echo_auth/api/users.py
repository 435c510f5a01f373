"""Endpoints for the user's own account, and for finding other users."""

from typing import Annotated

from fastapi import Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.usecases import lookup, users
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import TooManyAttemptsError, UserNotFoundError
from echo_common.contracts.http.auth import Email, FoundUser, Username, UserPatch, UserView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("users")


@router.endpoint("GET", "/users/me", errors=(UserNotFoundError,), example=enveloped(examples.USER))
async def get_current_user(principal: AccountHolder, deps: Deps) -> Success[UserView]:
    """Get the current user."""
    return ok(await users.get_user(principal.user_id, deps))


@router.endpoint(
    "PATCH",
    "/users/me",
    idempotent=True,
    errors=(UserNotFoundError,),
    example=enveloped(examples.USER | {"discoverable": True}),
)
async def change_current_user(body: UserPatch, principal: AccountHolder, deps: Deps) -> Success[UserView]:
    """Change the current user."""
    await users.change_user(principal.user_id, body, deps)
    return ok(await users.get_user(principal.user_id, deps))


@router.endpoint(
    "GET",
    "/users/lookup",
    errors=(UserNotFoundError, TooManyAttemptsError),
    example=enveloped({"id": examples.USER["id"], "name": "Ada Lovelace"}),
)
async def find_user(
    principal: AccountHolder,
    deps: Deps,
    email: Annotated[Email | None, Query(description="Exact email address.")] = None,
    username: Annotated[Username | None, Query(description="Exact username, instead of `email`.")] = None,
) -> Success[FoundUser]:
    """Find a user to share with, by email address or username.

    Only users whose `discoverable` is true are found; for others, and for unknown ones, the response is 404. The response does
    not contain the email address.
    """
    return ok(await lookup.find_user(email, username, principal, deps))
