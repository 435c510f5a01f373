"""Endpoints for the user's own account, and for finding other users."""

from typing import Annotated

from fastapi import Query

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.api.erasures import erasure_view
from echo_auth.usecases import emails, lookup, users
from echo_auth.usecases.mails import queue_mail
from echo_common.auth.dependencies import AccountHolder, LoggedInUser
from echo_common.contracts.errors.auth import (
    LastAdministratorError,
    TooManyAttemptsError,
    UsernameConflictError,
    UserNotFoundError,
    WrongPasswordError,
)
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.errors.second_factors import InvalidTotpCodeError, ReauthenticationRequiredError, TotpRequiredError
from echo_common.contracts.http.auth import Email, FoundUser, Username, UserPatch, UserView
from echo_common.contracts.http.erasures import DeleteAccountRequest, ErasureView
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
    credentials=True,
    idempotent=True,
    errors=(UserNotFoundError, UsernameConflictError, WrongPasswordError, TooManyAttemptsError),
    example=enveloped(examples.USER | {"discoverable": True}),
)
async def change_current_user(body: UserPatch, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[UserView]:
    """Change the current user.

    A new email address takes effect once it is confirmed: a link is sent to it, and the former address is informed.
    """
    mail = await emails.prepare_change(body, principal, origin, deps)
    await users.change_user(principal.user_id, body, deps)
    if mail is not None:
        await queue_mail(mail, deps)
    message = "Open the link in the mail to the new address to confirm it." if mail else None
    return ok(await users.get_user(principal.user_id, deps), message=message)


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
    return ok(erasure_view(await users.delete_user(body, principal, origin, deps)))


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
