"""What auth does."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256

import structlog

from echo_auth.domain import Presented, Profile, RefreshToken, Session, SessionNotFoundError, User
from echo_auth.keys import Signer
from echo_auth.passwords import Passwords
from echo_auth.repository import Profiles, Sessions, Users
from echo_auth.settings import AuthSettings
from echo_auth.throttle import Throttle
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
from echo_common.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError, ValidationError
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError

_LOCAL_SESSION_ID = "ses_local"


@dataclass(frozen=True)
class Dependencies:
    """What use cases work with."""

    users: Users
    profiles: Profiles
    sessions: Sessions
    passwords: Passwords
    signer: Signer
    throttle: Throttle
    settings: AuthSettings
    api_without_token: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as far as the gateway can tell."""

    address: str | None = None
    user_agent: str | None = None


async def register(request: RegisterRequest, caller: Caller, deps: Dependencies) -> Login:
    """A new user, logged in. Raises `EmailConflictError`, `UsernameConflictError`."""
    user, profile = await _create(request, Plan.USER, Role.USER, deps)
    return await _start_session(user, profile, caller, deps)


async def log_in(request: LoginRequest, caller: Caller, deps: Dependencies) -> Login:
    """A new session.

    An unknown user and a wrong password are told apart neither by answer nor by time: `InvalidCredentialsError`. Raises
    `TooManyAttemptsError` and, for who knows the password, `AccountInactiveError`.
    """
    identifier = request.email or request.username
    if identifier is None:
        raise ValidationError("email: Field required", details=[{"field": "email", "message": "Field required"}])
    await deps.throttle.guard(identifier, caller.address)
    user = await deps.users.named(identifier)
    verdict = await deps.passwords.check(request.password.get_secret_value(), user.password_hash if user else None)
    if user is None or not verdict.right:
        await deps.throttle.failed(identifier, caller.address)
        raise InvalidCredentialsError
    if not user.is_active:
        raise AccountInactiveError
    await deps.throttle.succeeded(identifier, caller.address)
    user = await deps.users.update(user.id, lambda found: found.logged_in(now(), password_hash=verdict.rehashed))
    return await _start_session(user, await _profile(user, deps), caller, deps)


async def refresh(text: str, deps: Dependencies) -> Tokens:
    """The next pair for a refresh token.

    Raises `InvalidRefreshTokenError`. A token presented twice, at the same moment or later, ends its session: one of the
    two who hold it is not its owner.
    """
    token = RefreshToken.parse(text)
    following = RefreshToken.issue(token.session_id, token.family)
    judgement = Presented.FOREIGN

    def exchange(session: Session) -> None:
        nonlocal judgement
        judgement = session.judge(token, now())
        if judgement is Presented.FOREIGN:
            raise InvalidRefreshTokenError
        if judgement is Presented.SPENT:
            session.revoke(now())
        else:
            session.rotate(following, now(), deps.settings.session_lasts)

    try:
        session = await deps.sessions.update(token.session_id, exchange)
    except SessionNotFoundError as error:
        raise InvalidRefreshTokenError from error
    user = await deps.users.find_one({"_id": session.user_id})
    if judgement is not Presented.CURRENT or user is None or not user.is_active:
        raise InvalidRefreshTokenError
    return _tokens(user, following, deps)


async def log_out(session_id: str, deps: Dependencies) -> None:
    """End a session: nobody accepts its tokens any more once they have looked at the trust document."""
    with suppress(SessionNotFoundError):
        await deps.sessions.update(session_id, lambda session: session.revoke(now()))


async def echo_user(name: str, email: str, principal: Principal | None, caller: Caller, deps: Dependencies) -> EchoUser:
    """The caller's own document; a guest's where there is no caller and the operator allows it.

    No address but the caller's own is looked up, so that the answer tells nothing about anybody else's. Raises
    `UnauthenticatedError`, `ForbiddenError`.
    """
    if principal is None:
        if not deps.settings.anonymous_users:
            raise UnauthenticatedError
        return await _echo_guest(name, email, caller, deps)
    user = await deps.users.get(principal.user_id)
    if user.id == LOCAL_USER_ID:
        return EchoUser(id=_client_user_id(email), name=name, email=email, created_at=user.created_at)
    if user.email not in {None, email}:
        raise ForbiddenError("The email is not that of the token.")
    known = await _profile(user, deps)
    return EchoUser(id=user.id, name=known.full_name or name, email=email, created_at=user.created_at)


async def local_session(deps: Dependencies) -> LocalSession:
    """Return an access token of the local user. Raises `NotFoundError` where the Echo API needs a token."""
    if not deps.api_without_token:
        raise NotFoundError
    user = await deps.users.find_one({"_id": LOCAL_USER_ID})
    if user is None:
        with suppress(DuplicateError):  # another replica, or request, was quicker
            await deps.users.add(User.local())
        user = await deps.users.get(LOCAL_USER_ID)
    token = deps.signer.access_token(user, _LOCAL_SESSION_ID, now())
    return LocalSession(access_token=token, expires_in=int(deps.signer.lasts.total_seconds()))


def _client_user_id(email: str) -> str:
    """Return the id under which the local user keeps what belongs to an address: a name, not an account."""
    return f"usr_local_{sha256(email.encode()).hexdigest()[:24]}"


async def _echo_guest(name: str, email: str, caller: Caller, deps: Dependencies) -> EchoUser:
    user = User.guest(new_id("usr"))
    user.logged_in(now())
    profile = Profile(id=user.id, user_id=user.id, first_name=name)
    await deps.profiles.add(profile)
    await deps.users.add(user)
    login = await _start_session(user, profile, caller, deps)
    return EchoUser(
        id=user.id,
        name=name,
        email=email,
        created_at=user.created_at,
        access_token=login.access_token,
        refresh_token=login.refresh_token,
    )


async def view(user_id: str, deps: Dependencies) -> UserView:
    """A user as they see themselves. Raises `UserNotFoundError`."""
    user = await deps.users.get(user_id)
    return _view(user, await _profile(user, deps))


async def trust(deps: Dependencies) -> TrustDocument:
    """Keys, and everything revoked while an access token that it voids could still be alive."""
    since = now() - deps.signer.lasts - timedelta(seconds=2 * LEEWAY_SECONDS)
    return TrustDocument(
        keys=deps.signer.jwks,
        revoked_sessions=sorted(await deps.sessions.revoked_since(since)),
        token_versions=dict(sorted((await deps.users.raised_since(since)).items())),
    )


async def ensure_admin(deps: Dependencies) -> None:
    """Make the administrator that settings name, unless they exist: their password is theirs from then on."""
    email, password = deps.settings.admin_email, deps.settings.admin_password
    if email is None or password is None or await deps.users.named(email) is not None:
        return
    try:
        await _create(RegisterRequest(email=email, password=password), Plan.PREMIUM, Role.ADMIN, deps)
    except EmailConflictError:
        return  # another replica was quicker
    structlog.get_logger("echo.auth").info("administrator made", email=email)


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
    await deps.profiles.add(profile)  # first, so that whoever has an account has what they said about themselves
    try:
        await deps.users.add(user)
    except DuplicateError as error:
        profile.erase()
        await deps.profiles.save(profile)
        raise (await _conflict(request, deps)) or EmailConflictError() from error
    return user, profile


async def _conflict(request: RegisterRequest, deps: Dependencies) -> ConflictError | None:
    if await deps.users.named(request.email) is not None:
        return EmailConflictError()
    if request.username is not None and await deps.users.named(request.username) is not None:
        return UsernameConflictError()
    return None


async def _start_session(user: User, profile: Profile, caller: Caller, deps: Dependencies) -> Login:
    token = RefreshToken.issue(new_id("ses"))
    session = Session.start(
        token, user.id, at=now(), lasts=deps.settings.session_lasts, user_agent=caller.user_agent, address=caller.address
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
        created_at=user.created_at,
        last_login=user.last_login,
    )
