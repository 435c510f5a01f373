"""Use cases of identities: the account of a user of the identity provider."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from echo_auth.dependencies import Dependencies
from echo_auth.domain.identities import Identity
from echo_auth.domain.profiles import Profile
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.identity_provider import Claims
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.users import record_activity
from echo_common.auth.tokens import InvalidTokenError
from echo_common.clock import now
from echo_common.contracts.errors.auth import AccountInactiveError
from echo_common.contracts.errors.oidc import LinkRequiredConflictError, OidcAccountRefusedError
from echo_common.contracts.http.api_keys import ExchangedToken
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Email, Language
from echo_common.contracts.http.base import Name
from echo_common.errors import ServiceUnavailableError
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError

LINK = "oidc link"
_EMAIL = TypeAdapter[str](Email)
_NAME = TypeAdapter[str](Name)
_LANGUAGE = TypeAdapter[str](Language)


async def resolve_user(claims: Claims, origin: RequestOrigin, deps: Dependencies) -> User:
    """Return the account of a user of the identity provider; link or create it as the settings allow.

    A known subject is its user. An existing account with the same email is never taken over: `LinkRequiredConflictError` asks
    for the user's confirmation, unless the operator permits links and the account's address is verified too: another user may have
    registered it. Raises `OidcAccountRefusedError` too.
    """
    identity = await deps.identities.find_one({"_id": Identity.id_of(claims.issuer, claims.subject)})
    if identity is not None:
        return await deps.users.get(identity.user_id)
    email = _valid(_EMAIL, claims.email)
    if email is None:
        raise OidcAccountRefusedError
    user = await deps.users.named(email)
    if user is None:
        if not deps.oidc.create_users:
            raise OidcAccountRefusedError
        names = {"first_name": claims.first_name, "last_name": claims.last_name, "language": claims.language}
        return await create_user(claims.issuer, claims.subject, names, email, origin, deps)
    if not (deps.oidc.link_verified_emails and user.email_verified):
        data = {"issuer": claims.issuer, "subject": claims.subject, "email": email}
        token = base64.urlsafe_b64encode(await deps.challenges.issue(LINK, data)).decode()
        raise LinkRequiredConflictError(details={"link_token": token})
    await link_identity(claims.issuer, claims.subject, user, origin, deps)
    return user


async def link_identity(issuer: str, subject: str, user: User, origin: RequestOrigin, deps: Dependencies) -> None:
    """Link a subject to a user."""
    await deps.audit.record(AuditAction.IDENTITY_LINKED, actor=user.id, target=user.id, address=origin.address)
    with suppress(DuplicateError):  # a concurrent request linked it
        await deps.identities.add(Identity.link(issuer, subject, user.id))


async def exchange_bearer(token: str, deps: Dependencies) -> ExchangedToken:
    """Exchange an access token of the identity provider for one of this platform that does not last longer.

    Raises `InvalidTokenError`, `AccountInactiveError`, `IdentityProviderUnavailableError`.
    """
    if deps.identity_provider is None:
        raise InvalidTokenError
    claims = await deps.identity_provider.claims_of_bearer(token)
    try:
        user = await resolve_user(claims, RequestOrigin(), deps)
    except (LinkRequiredConflictError, OidcAccountRefusedError) as error:
        raise InvalidTokenError from error
    if not user.is_active:
        raise AccountInactiveError
    moment, expires_at = now(), datetime.fromtimestamp(claims.expires_at, UTC)
    user = await record_activity(user, moment, deps)
    profile = await load_profile(user, deps)
    identity_id = Identity.id_of(claims.issuer, claims.subject)
    issued = deps.signer.access_token(user, identity_id, moment, language=profile.preferred_language, expires_at=expires_at)
    lasts = min(deps.signer.lasts, expires_at - moment)
    return ExchangedToken(access_token=issued, expires_in=max(0.0, lasts.total_seconds()))


async def create_user(
    issuer: str, subject: str, names: Mapping[str, str | None], email: str | None, origin: RequestOrigin, deps: Dependencies
) -> User:
    """Create the account of a subject, with an address that its provider has verified, or none.

    `names` are those of the profile (`first_name`, `last_name`) and the `language`; invalid ones are left out. Raises
    `ServiceUnavailableError` if another login creates it at the moment.
    """
    user = User.register(new_id("usr"), email=email, username=None, password_hash=None)
    if email is not None:
        user.confirm_email(email)
    profile = Profile(
        id=user.id,
        user_id=user.id,
        first_name=_valid(_NAME, names.get("first_name")),
        last_name=_valid(_NAME, names.get("last_name")),
        preferred_language=_valid(_LANGUAGE, names.get("language")),
    )
    await deps.audit.record(AuditAction.REGISTERED, actor=user.id, target=user.id, address=origin.address)
    await deps.profiles.add(profile)
    try:
        if email is None:  # of concurrent first logins, that which has the identity first creates the account
            await deps.identities.add(Identity.link(issuer, subject, user.id))
        await deps.users.add(user)
    except DuplicateError:  # a concurrent login was faster; its identity follows
        profile.erase()
        await deps.profiles.save(profile)
        raise ServiceUnavailableError("Another login creates this account at the moment; try again.", retry_after=1) from None
    await link_identity(issuer, subject, user, origin, deps)
    return user


def _valid(kind: TypeAdapter[str], text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return kind.validate_python(text)
    except ValidationError:
        return None
