"""Use cases of sessions: log in, refresh, list, log out."""

from contextlib import suppress

from echo_auth.dependencies import Dependencies
from echo_auth.domain.profiles import Profile
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.sessions import RefreshToken, RefreshTokenState, Session
from echo_auth.domain.users import User
from echo_auth.throttle import Attempt
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.second_factors import check_second_factor
from echo_auth.usecases.users import record_activity, view_of
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    ApiKeyLogoutError,
    EmailNotConfirmedError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    SessionNotFoundError,
)
from echo_common.contracts.errors.passkeys import InvalidPasskeyError
from echo_common.contracts.errors.second_factors import InvalidTotpCodeError, TotpRequiredError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Login, LoginRequest, Tokens
from echo_common.contracts.system_settings import VERIFY_EMAIL
from echo_common.http.pagination import Page
from echo_common.http.validation import invalid
from echo_common.ids import new_id

SESSION_ORDERS = ("start_time", "last_activity", "expiry_time")
"""Fields by which the list can be sorted."""


async def log_in(request: LoginRequest, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session.

    Raises `InvalidCredentialsError`, which distinguishes an unknown user from a wrong password neither by content nor by timing,
    `TooManyAttemptsError`, `ValidationError` and, only with the right password, `AccountInactiveError`, `TotpRequiredError`,
    `InvalidTotpCodeError`, `InvalidPasskeyError` or `EmailNotConfirmedError`.
    """
    identifier = request.email or request.username
    if identifier is None:
        raise invalid([{"field": "email", "message": "Send an email address or a username."}])
    user = await deps.users.named(identifier)
    known = user is not None and user.knows(origin.network, now())
    await deps.throttle.count_attempt(Attempt.LOGIN, identifier, origin.address, from_known_network=known)
    verdict = await deps.passwords.check(request.password.get_secret_value(), user.password_hash if user else None)
    if user is None or not verdict.right:
        await deps.audit.record(AuditAction.LOGIN_REFUSED, target=user.id if user else None, address=origin.address)
        raise InvalidCredentialsError
    if not user.is_active:
        await deps.throttle.revert_attempt(Attempt.LOGIN, identifier, origin.address, from_known_network=known)
        raise AccountInactiveError
    try:
        await check_second_factor(user, request.totp_code, request.passkey, origin, deps)
    except TotpRequiredError:
        await deps.throttle.revert_attempt(Attempt.LOGIN, identifier, origin.address, from_known_network=known)
        raise
    except (InvalidTotpCodeError, InvalidPasskeyError):
        await deps.audit.record(AuditAction.LOGIN_REFUSED, target=user.id, address=origin.address)
        raise
    await deps.throttle.reset(Attempt.LOGIN, identifier, origin.address, from_known_network=known)
    if not user.email_confirmed and deps.live_settings.get(VERIFY_EMAIL):
        raise EmailNotConfirmedError
    generation = user.session_generation

    def record_login(found: User) -> None:
        if found.session_generation != generation:  # the password was changed meanwhile
            raise InvalidCredentialsError
        found.record_login(now(), network=origin.network, password_hash=verdict.rehashed)

    user = await deps.users.update(user.id, record_login)
    return await start_session(user, await load_profile(user, deps), origin, deps)


async def complete_login(user: User, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Record the login of a user whose identity is proven without a password, and start a session.

    Raises `AccountInactiveError`.
    """
    user = await deps.users.update(user.id, lambda found: found.record_login(now(), network=origin.network))
    return await start_session(user, await load_profile(user, deps), origin, deps)


async def refresh(text: str, deps: Dependencies) -> Tokens:
    """Exchange a refresh token for a new token pair.

    Raises `InvalidRefreshTokenError`. Of concurrent requests with the same token, one succeeds. A token used again later revokes
    its session, because one of the two clients is not the owner.
    """
    token = RefreshToken.parse(text)
    following = RefreshToken.issue(token.session_id, token.family)
    state = RefreshTokenState.FOREIGN
    moment = now()

    def exchange(session: Session) -> None:
        nonlocal state
        state = session.classify(token, now())
        if state in {RefreshTokenState.FOREIGN, RefreshTokenState.JUST_SPENT}:
            raise InvalidRefreshTokenError
        if state is RefreshTokenState.SPENT:
            session.revoke(now())
        else:
            session.rotate(following, moment, deps.settings.session_lasts)

    try:
        session = await deps.sessions.update(token.session_id, exchange)
    except SessionNotFoundError as error:
        raise InvalidRefreshTokenError from error
    if state is RefreshTokenState.SPENT:
        await deps.audit.record(AuditAction.REFRESH_TOKEN_REUSED, target=session.user_id)
    user = await deps.users.find_one({"_id": session.user_id})
    if state is not RefreshTokenState.CURRENT or user is None or not user.is_active:
        raise InvalidRefreshTokenError
    if session.generation < user.session_generation:
        raise InvalidRefreshTokenError
    user = await record_activity(user, moment, deps)
    return issue_tokens(user, await load_profile(user, deps), following, deps)


async def log_out(principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """Revoke the principal's session; services reject its tokens once they have refreshed the trust document.

    Raises `ApiKeyLogoutError`.
    """
    if principal.uses_api_key:
        raise ApiKeyLogoutError
    user_id, session_id = principal.user_id, principal.session_id
    await deps.audit.record(AuditAction.LOGGED_OUT, actor=user_id, target=user_id, address=origin.address)
    with suppress(SessionNotFoundError):
        await deps.sessions.update(session_id, lambda session: session.revoke(now()))


async def list_sessions(principal: Principal, page: Page, deps: Dependencies) -> tuple[list[Session], int]:
    """Return a page of the principal's sessions that have not ended, and their total number. Raises `UserNotFoundError`."""
    where = deps.sessions.open_for(await deps.users.get(principal.user_id), now())
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.sessions.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [session async for session in found], await deps.sessions.count(where)


async def end_session(session_id: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """End a session of the principal. Raises `SessionNotFoundError`, also for another user's session."""
    session = await deps.sessions.get(session_id, user_id=principal.user_id)
    user_id = principal.user_id
    await deps.audit.record(AuditAction.SESSION_ENDED, actor=user_id, target=user_id, address=origin.address)
    await deps.sessions.amend(session, lambda found: found.revoke(now()), user_id=user_id)


async def end_sessions(principal: Principal, origin: RequestOrigin, deps: Dependencies, *, except_current: bool) -> int:
    """End the principal's sessions, maybe without the current one; return their number. Raises `UserNotFoundError`."""
    ended = 0
    where = deps.sessions.open_for(await deps.users.get(principal.user_id), now())
    for session in [session async for session in deps.sessions.find(where)]:
        if except_current and session.id == principal.session_id:
            continue
        await end_session(session.id, principal, origin, deps)
        ended += 1
    return ended


async def start_session(user: User, profile: Profile, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session of a user whose identity is proven."""
    token = RefreshToken.issue(new_id("ses"))
    session = Session.start(
        token,
        user.id,
        at=now(),
        lasts=deps.settings.session_lasts,
        origin=origin,
        generation=user.session_generation,
    )
    await deps.audit.record(AuditAction.LOGGED_IN, actor=user.id, target=user.id, address=origin.address)
    await deps.sessions.add(session)
    return Login(**issue_tokens(user, profile, token, deps).model_dump(), user=view_of(user, profile))


def issue_tokens(user: User, profile: Profile, token: RefreshToken, deps: Dependencies) -> Tokens:
    """Return the token pair of a session."""
    return Tokens(
        access_token=deps.signer.access_token(user, token.session_id, now(), language=profile.preferred_language),
        refresh_token=str(token),
        expires_in=int(deps.signer.lasts.total_seconds()),
    )
