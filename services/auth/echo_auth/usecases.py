"""Use cases of the auth service."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

import structlog

from echo_auth.dependencies import Dependencies
from echo_auth.domain import Profile, RefreshToken, RefreshTokenState, Session, SessionNotFoundError, User
from echo_common.auth.principal import Principal
from echo_common.auth.tokens import LEEWAY_SECONDS
from echo_common.clock import now
from echo_common.contracts.errors.auth import (
    AccountInactiveError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    UsernameConflictError,
)
from echo_common.contracts.http.auth import (
    LOCAL_USER_ID,
    EchoUser,
    LocalSession,
    Login,
    LoginRequest,
    RegisterRequest,
    Tokens,
    TrustDocument,
    UserView,
)
from echo_common.contracts.values import Plan, Role
from echo_common.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError
from echo_common.http.validation import invalid
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError

_LOCAL_SESSION_ID = "ses_local"


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The origin of a request, as reported by the gateway."""

    address: str | None = None
    user_agent: str | None = None


async def register(request: RegisterRequest, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Create a user and log in. Raises `EmailConflictError`, `UsernameConflictError`."""
    user, profile = await _create(request, Plan.USER, Role.USER, deps)
    return await _start_session(user, profile, origin, deps)


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
    return await _start_session(user, await _profile(user, deps), origin, deps)


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
    return _tokens(user, following, deps)


async def log_out(session_id: str, deps: Dependencies) -> None:
    """Revoke a session; services reject its tokens once they have refreshed the trust document."""
    with suppress(SessionNotFoundError):
        await deps.sessions.update(session_id, lambda session: session.revoke(now()))


async def echo_user(name: str, email: str, principal: Principal | None, origin: RequestOrigin, deps: Dependencies) -> EchoUser:
    """Return the principal's user document; without a principal, create a guest if the settings allow it.

    Looks up no email but the principal's own, so that the response reveals nothing about other users. Raises
    `UnauthenticatedError`, `ForbiddenError`.
    """
    if principal is None:
        if not deps.settings.anonymous_users:
            raise UnauthenticatedError
        return await _echo_guest(name, email, origin, deps)
    user = await deps.users.get(principal.user_id)
    if user.id == LOCAL_USER_ID:
        return EchoUser(id=_client_user_id(email), name=name, email=email, created_at=user.created_at)
    if user.email not in {None, email}:
        raise ForbiddenError("The email is not that of the token.")
    known = await _profile(user, deps)
    return EchoUser(id=user.id, name=known.full_name or name, email=email, created_at=user.created_at)


async def local_session(deps: Dependencies) -> LocalSession:
    """Return an access token of the local user. Raises `NotFoundError` if the Echo API requires a token."""
    if not deps.api_without_token:
        raise NotFoundError
    user = await deps.users.find_one({"_id": LOCAL_USER_ID})
    if user is None:
        with suppress(DuplicateError):  # another replica or request was faster
            await deps.users.add(User.local())
        user = await deps.users.get(LOCAL_USER_ID)
    token = deps.signer.access_token(user, _LOCAL_SESSION_ID, now())
    return LocalSession(access_token=token, expires_in=int(deps.signer.lasts.total_seconds()))


def _client_user_id(email: str) -> str:
    """Return the id that labels an email's data within the local user's account; it is not an account."""
    return f"usr_local_{sha256(email.encode()).hexdigest()[:24]}"


async def _echo_guest(name: str, email: str, origin: RequestOrigin, deps: Dependencies) -> EchoUser:
    user = User.guest(new_id("usr"))
    user.logged_in(now())
    profile = Profile(id=user.id, user_id=user.id, first_name=name)
    await deps.profiles.add(profile)
    await deps.users.add(user)
    login = await _start_session(user, profile, origin, deps)
    return EchoUser(
        id=user.id,
        name=name,
        email=email,
        created_at=user.created_at,
        access_token=login.access_token,
        refresh_token=login.refresh_token,
    )


async def view(user_id: str, deps: Dependencies) -> UserView:
    """Return the user's own view of the account. Raises `UserNotFoundError`."""
    user = await deps.users.get(user_id)
    return _view(user, await _profile(user, deps))


async def trust(deps: Dependencies) -> TrustDocument:
    """Return the public keys, and the revocations for which an unexpired access token may exist."""
    since = now() - deps.signer.lasts - timedelta(seconds=2 * LEEWAY_SECONDS)
    return TrustDocument(
        keys=deps.signer.jwks,
        revoked_sessions=sorted(await deps.sessions.revoked_since(since)),
        token_versions=dict(sorted((await deps.users.raised_since(since)).items())),
    )


async def ensure_admin(deps: Dependencies) -> None:
    """Create the administrator from the settings, unless the account exists; an existing password is never changed."""
    email, password = deps.settings.admin_email, deps.settings.admin_password
    if email is None or password is None or await deps.users.named(email) is not None:
        return
    try:
        await _create(RegisterRequest(email=email, password=password), Plan.PREMIUM, Role.ADMIN, deps)
    except EmailConflictError:
        return  # another replica was faster
    structlog.get_logger("echo.auth").info("administrator_created", email=email)


async def _create(request: RegisterRequest, plan: Plan, role: Role, deps: Dependencies) -> tuple[User, Profile]:
    if conflict := await _conflict(request, deps):
        raise conflict
    born = request.date_of_birth
    user = User.register(
        new_id("usr"),
        email=request.email,
        username=request.username,
        password_hash=await deps.passwords.hash(request.password.get_secret_value()),
        plan=plan,
        role=role,
    )
    user.logged_in(now())
    profile = Profile(
        id=user.id,
        user_id=user.id,
        first_name=request.first_name,
        last_name=request.last_name,
        date_of_birth=None if born is None else datetime.combine(born, time(), UTC),
        preferred_language=request.preferred_language,
    )
    await deps.profiles.add(profile)  # first, so that every account has a profile
    try:
        await deps.users.add(user)
    except DuplicateError as error:
        profile.erase()
        await deps.profiles.save(profile)
        raise (await _conflict(request, deps)) or _in_use("email", EmailConflictError) from error
    return user, profile


async def _conflict(request: RegisterRequest, deps: Dependencies) -> ConflictError | None:
    if await deps.users.named(request.email) is not None:
        return _in_use("email", EmailConflictError)
    if request.username is not None and await deps.users.named(request.username) is not None:
        return _in_use("username", UsernameConflictError)
    return None


def _in_use(field: str, kind: type[ConflictError]) -> ConflictError:
    message = kind().message
    return kind(f"{field}: {message}", details=[{"field": field, "message": message}])


async def _start_session(user: User, profile: Profile, origin: RequestOrigin, deps: Dependencies) -> Login:
    token = RefreshToken.issue(new_id("ses"))
    session = Session.start(
        token, user.id, at=now(), lasts=deps.settings.session_lasts, user_agent=origin.user_agent, address=origin.address
    )
    await deps.sessions.add(session)
    return Login(**_tokens(user, token, deps).model_dump(), user=_view(user, profile))


def _tokens(user: User, token: RefreshToken, deps: Dependencies) -> Tokens:
    return Tokens(
        access_token=deps.signer.access_token(user, token.session_id, now()),
        refresh_token=str(token),
        expires_in=int(deps.signer.lasts.total_seconds()),
    )


async def _profile(user: User, deps: Dependencies) -> Profile:
    return await deps.profiles.find_one({"_id": user.id}) or Profile(id=user.id, user_id=user.id)


def _view(user: User, profile: Profile) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        username=user.username,
        first_name=profile.first_name,
        last_name=profile.last_name,
        preferred_language=profile.preferred_language,
        date_of_birth=profile.birthday,
        plan=user.plan,
        role=user.role,
        discoverable=user.discoverable,
        created_at=user.created_at,
        last_login=user.last_login,
    )
