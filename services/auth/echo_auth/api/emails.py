"""Endpoint for the confirmation of email addresses."""

from fastapi import Depends

from echo_auth.api.dependencies import Deps, Origin
from echo_auth.usecases import emails
from echo_common.contracts.errors.auth import EmailConflictError, InvalidLinkError
from echo_common.contracts.http.emails import ConfirmEmailRequest
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok

router = PublicRouter("authentication", dependencies=[Depends(forbid_storing)])


@router.endpoint(
    "POST",
    "/auth/email/confirm",
    credentials=True,
    errors=(InvalidLinkError, EmailConflictError),
    example=enveloped(None, message="The email address is confirmed."),
)
async def confirm_email(body: ConfirmEmailRequest, origin: Origin, deps: Deps) -> Success[None]:
    """Confirm an email address with the token of a confirmation link."""
    await emails.confirm_email(body.token.get_secret_value(), origin, deps)
    return ok(None, message="The email address is confirmed.")
