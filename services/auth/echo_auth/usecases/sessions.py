"""Use cases of sessions: log in, refresh, log out."""

from contextlib import suppress
from dataclasses import dataclass

from echo_auth.dependencies import Dependencies
from echo_auth.domain.profiles import Profile
from echo_auth.domain.sessions import RefreshToken, RefreshTokenState, Session, SessionNotFoundError
from echo_auth.domain.users import User
from echo_auth.usecases.users import profile_of, view_of
from echo_common.clock import now
from echo_common.contracts.errors.auth import AccountInactiveError, InvalidCredentialsError, InvalidRefreshTokenError
from echo_common.contracts.http.auth import Login, LoginRequest, Tokens
from echo_common.http.validation import invalid
from echo_common.ids import new_id


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The origin of a request, as reported by the gateway."""

    address: str | None = None
    user_agent: str | None = None


async def log_in(request: LoginRequest, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session.

    Raises `InvalidCredentialsError`, which distinguishes an unknown user from a wrong password neither by content nor by timing,
    `TooManyAttemptsError`, `ValidationError` and, only with the right password, `AccountInactiveError`.
    """
    identifier = request.email or request.username
    if identifier is None:
        raise invalid([{"field": "email", "message": "Send an email address or a username."}])
    await deps.throttle.count_attempt(identifier, origin.address)
    user = await deps.users.named(identifier)
    verdict = await deps.passwords.check(request.password.get_secret_value(), user.password_hash if user else None)
    if user is None or not verdict.right:
        raise InvalidCredentialsError
    if not user.is_active:
        await deps.throttle.revert_attempt(identifier, origin.address)
        raise AccountInactiveError
    await deps.throttle.reset(identifier, origin.address)
    user = await deps.users.update(user.id, lambda found: found.logged_in(now(), password_hash=verdict.rehashed))
    return await start_session(user, await profile_of(user, deps), origin, deps)


async def refresh(text: str, deps: Dependencies) -> Tokens:
    """Exchange a refresh token for a new token pair.

    Raises `InvalidRefreshTokenError`. A token used twice, concurrently or later, revokes its session, because one of the two
    clients is not the owner.
    """
    token = RefreshToken.parse(text)
    following = RefreshToken.issue(token.session_id, token.family)
    state = RefreshTokenState.FOREIGN

    def exchange(session: Session) -> None:
        nonlocal state
        state = session.classify(token, now())
        if state is RefreshTokenState.FOREIGN:
            raise InvalidRefreshTokenError
        if state is RefreshTokenState.SPENT:
            session.revoke(now())
        else:
            session.rotate(following, now(), deps.settings.session_lasts)

    try:
        session = await deps.sessions.update(token.session_id, exchange)
    except SessionNotFoundError as error:
        raise InvalidRefreshTokenError from error
    user = await deps.users.find_one({"_id": session.user_id})
    if state is not RefreshTokenState.CURRENT or user is None or not user.is_active:
        raise InvalidRefreshTokenError
    return _tokens(user, await profile_of(user, deps), following, deps)


async def log_out(session_id: str, deps: Dependencies) -> None:
    """Revoke a session; services reject its tokens once they have refreshed the trust document."""
    with suppress(SessionNotFoundError):
        await deps.sessions.update(session_id, lambda session: session.revoke(now()))


async def start_session(user: User, profile: Profile, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Start a session of a user whose identity is proven."""
    token = RefreshToken.issue(new_id("ses"))
    session = Session.start(
        token, user.id, at=now(), lasts=deps.settings.session_lasts, user_agent=origin.user_agent, address=origin.address
    )
    await deps.sessions.add(session)
    return Login(**_tokens(user, profile, token, deps).model_dump(), user=view_of(user, profile))


def _tokens(user: User, profile: Profile, token: RefreshToken, deps: Dependencies) -> Tokens:
    return Tokens(
        access_token=deps.signer.access_token(user, token.session_id, now(), language=profile.preferred_language),
        refresh_token=str(token),
        expires_in=int(deps.signer.lasts.total_seconds()),
    )
