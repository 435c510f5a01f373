"""Endpoint of the Echo API for users."""

from typing import Annotated

from fastapi import Depends, Path

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.usecases import echo_users
from echo_common.auth.dependencies import Access
from echo_common.auth.principal import Principal, Scope
from echo_common.contracts.errors.auth import GuestsDisabledError, TooManyAttemptsError
from echo_common.contracts.http.auth import EchoUser, EchoUserRequest
from echo_common.contracts.http.base import Name
from echo_common.errors import ForbiddenError
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter

EchoPrincipal = Annotated[Principal | None, Depends(Access((Scope.ACCOUNT,), optional=True))]
EchoUserName = Annotated[Name, Path(description="Name of the user.", examples=["Ada"])]

router = PublicRouter("Echo API", root="/api", plain=True, dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/users/{name}",
    credentials=True,
    errors=(ForbiddenError, GuestsDisabledError, TooManyAttemptsError),
    example=examples.ECHO_USER,
)
async def name_user(
    name: EchoUserName, body: EchoUserRequest, principal: EchoPrincipal, origin: Origin, deps: Deps
) -> EchoUser:
    """Get or create a user.

    With a token: the token's user, whose address `email` must be. Without a token: a new guest, where the operator allows guests.
    The response then carries the tokens, and repeats the address, which is neither looked up nor stored.
    """
    return await echo_users.name_user(name, body.email, principal, origin, deps)
