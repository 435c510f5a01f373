"""Endpoints for the deletion of accounts."""

from typing import Annotated

from fastapi import Depends, Path

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.domain.erasures import Erasure
from echo_auth.usecases import erasures
from echo_common.auth.dependencies import Administrator, LoggedInUser
from echo_common.contracts.errors.auth import (
    ErasureNotFoundError,
    LastAdministratorError,
    TooManyAttemptsError,
    UserNotFoundError,
    WrongPasswordError,
)
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.errors.second_factors import InvalidTotpCodeError, ReauthenticationRequiredError, TotpRequiredError
from echo_common.contracts.http.erasures import DeleteAccountRequest, ErasureView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

PageQuery = Annotated[Page, Depends(paginated("created_at"))]
ErasureId = Annotated[str, Path(max_length=64, description="Id of the erasure.", examples=[examples.ERASURE["id"]])]
UserId = Annotated[str, Path(max_length=64, description="Id of the user.", examples=[examples.USER["id"]])]

router = PublicRouter("users")
admin_router = PublicRouter("admin")


@router.endpoint(
    "DELETE",
    "/users/me",
    credentials=True,
    status=202,
    errors=(
        WrongPasswordError,
        TotpRequiredError,
        InvalidTotpCodeError,
        InvalidPasskeyError,
        ReauthenticationRequiredError,
        TooManyAttemptsError,
        LastAdministratorError,
        UserNotFoundError,
    ),
    example=enveloped(examples.ERASURE),
)
async def delete_current_user(
    body: DeleteAccountRequest, principal: LoggedInUser, origin: Origin, deps: Deps
) -> Success[ErasureView]:
    """Delete the account and everything that the user owns.

    All tokens are refused everywhere within five seconds. Every service then erases the user's data; this cannot be undone.
    """
    return ok(_view(await erasures.delete_own_account(body, principal, origin, deps)))


@admin_router.endpoint(
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
    return ok(_view(await erasures.delete_user(user_id, principal, origin, deps)))


@admin_router.endpoint("GET", "/admin/erasures", example=enveloped([examples.ERASURE]))
async def list_erasures(_: Administrator, deps: Deps, page: PageQuery) -> Success[list[ErasureView]]:
    """List erasures of deleted users, newest first."""
    found, total = await erasures.list_erasures(page, deps)
    return ok([_view(erasure) for erasure in found], meta=page.meta(total))


@admin_router.endpoint(
    "GET", "/admin/erasures/{erasure_id}", errors=(ErasureNotFoundError,), example=enveloped(examples.ERASURE)
)
async def get_erasure(erasure_id: ErasureId, _: Administrator, deps: Deps) -> Success[ErasureView]:
    """Get the erasure of a deleted user."""
    return ok(_view(await erasures.get_erasure(erasure_id, deps)))


def _view(erasure: Erasure) -> ErasureView:
    return ErasureView(
        id=erasure.id,
        pseudonym=erasure.pseudonym,
        requested_at=erasure.created_at,
        confirmed=dict(erasure.confirmed),
        waiting_for=list(erasure.waiting_for),
        completed_at=erasure.completed_at,
    )
