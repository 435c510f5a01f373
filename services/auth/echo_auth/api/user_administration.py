"""Endpoints for the administration of users."""

from typing import Annotated

from fastapi import Depends, Path, Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.erasures import erasure_view
from echo_auth.usecases import user_administration
from echo_auth.usecases.user_administration import USER_ORDERS, UserFilter
from echo_common.auth.dependencies import Administrator
from echo_common.contracts.errors.auth import LastAdministratorError, UserNotFoundError
from echo_common.contracts.http.erasures import ErasureView
from echo_common.contracts.http.user_administration import AdministeredUser, UserAdministrationPatch
from echo_common.contracts.values import Plan, Role
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

PageQuery = Annotated[Page, Depends(paginated(*USER_ORDERS))]
UserId = Annotated[str, Path(max_length=64, description="Id of the user.", examples=[examples.USER["id"]])]

router = PublicRouter("admin")


@router.endpoint("GET", "/admin/users", example=enveloped([examples.ADMINISTERED_USER]))
async def list_users(
    _: Administrator,
    deps: Deps,
    page: PageQuery,
    search: Annotated[
        str | None, Query(min_length=1, max_length=254, description="Id, or part of an email address or username.")
    ] = None,
    plan: Annotated[Plan | None, Query(description="Filter by plan.")] = None,
    role: Annotated[Role | None, Query(description="Filter by role.")] = None,
    is_active: Annotated[bool | None, Query(description="Filter by activity.")] = None,
) -> Success[list[AdministeredUser]]:
    """List users, newest first."""
    found, total = await user_administration.list_users(UserFilter(search, plan, role, is_active), page, deps)
    return ok(found, meta=page.meta(total))


@router.endpoint("GET", "/admin/users/{user_id}", errors=(UserNotFoundError,), example=enveloped(examples.ADMINISTERED_USER))
async def get_user(user_id: UserId, _: Administrator, deps: Deps) -> Success[AdministeredUser]:
    """Get a user."""
    return ok(await user_administration.get_user(user_id, deps))


@router.endpoint(
    "PATCH",
    "/admin/users/{user_id}",
    idempotent=True,
    errors=(UserNotFoundError, LastAdministratorError),
    example=enveloped(examples.ADMINISTERED_USER | {"plan": "premium"}),
)
async def change_user(
    user_id: UserId, body: UserAdministrationPatch, principal: Administrator, origin: Origin, deps: Deps
) -> Success[AdministeredUser]:
    """Change the plan, the role or the activity of a user.

    The user's access tokens are refused everywhere within five seconds; a refresh issues tokens with the new plan and role.
    Deactivation ends all sessions.
    """
    return ok(await user_administration.change_user(user_id, body, principal, origin, deps))


@router.endpoint(
    "POST",
    "/admin/users/{user_id}/logout",
    idempotent=True,
    errors=(UserNotFoundError,),
    example=enveloped(None, message="The user is logged out everywhere."),
)
async def log_out_user(user_id: UserId, principal: Administrator, origin: Origin, deps: Deps) -> Success[None]:
    """End all sessions of a user.

    All tokens of the user are refused everywhere within five seconds.
    """
    await user_administration.log_out_user(user_id, principal, origin, deps)
    return ok(None, message="The user is logged out everywhere.")


@router.endpoint(
    "DELETE",
    "/admin/users/{user_id}",
    status=202,
    idempotent=True,
    errors=(LastAdministratorError, UserNotFoundError),
    example=enveloped(examples.ERASURE),
)
async def delete_user(user_id: UserId, principal: Administrator, origin: Origin, deps: Deps) -> Success[ErasureView]:
    """Delete a user and everything that the user owns.

    `GET /admin/erasures/{erasure_id}` reports when every service has erased its part.
    """
    return ok(erasure_view(await user_administration.delete_user(user_id, principal, origin, deps)))
