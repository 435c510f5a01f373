"""Use cases of registration."""

from datetime import UTC, datetime, time

import structlog

from echo_auth.dependencies import Dependencies
from echo_auth.domain.passwords import personal_terms
from echo_auth.domain.profiles import Profile
from echo_auth.domain.users import User
from echo_auth.usecases.sessions import RequestOrigin, start_session
from echo_common.clock import now
from echo_common.contracts.errors.auth import EmailConflictError, UsernameConflictError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import Login, RegisterRequest
from echo_common.contracts.values import Plan, Role
from echo_common.errors import ConflictError
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError


async def register(request: RegisterRequest, origin: RequestOrigin, deps: Dependencies) -> Login:
    """Create a user and log in. Raises `EmailConflictError`, `UsernameConflictError`, `WeakPasswordError`."""
    if conflict := await find_conflict(request, deps):
        raise conflict
    profile = new_profile(new_id("usr"), request)
    terms = personal_terms(request.email, request.username, profile)
    hashed = await deps.passwords.hash_new(request.password.get_secret_value(), terms)
    user = await _create(request, profile, hashed, origin, deps)
    return await start_session(user, profile, origin, deps)


async def ensure_admin(deps: Dependencies) -> None:
    """Create the administrator from the settings, unless the account exists; an existing password is never changed."""
    email, password = deps.settings.admin_email, deps.settings.admin_password
    if email is None or password is None or await deps.users.named(email) is not None:
        return
    try:
        request = RegisterRequest(email=email, password=password)
        profile = new_profile(new_id("usr"), request)
        hashed = await deps.passwords.hash(password.get_secret_value())
        await _create(request, profile, hashed, RequestOrigin(), deps, plan=Plan.PREMIUM, role=Role.ADMIN)
    except EmailConflictError:
        return  # another replica was faster
    structlog.get_logger("echo.auth").info("administrator_created", email=email)


def new_profile(user_id: str, request: RegisterRequest) -> Profile:
    """Build the profile of a registration."""
    born = request.date_of_birth
    return Profile(
        id=user_id,
        user_id=user_id,
        first_name=request.first_name,
        last_name=request.last_name,
        date_of_birth=None if born is None else datetime.combine(born, time(), UTC),
        preferred_language=request.preferred_language,
    )


async def _create(
    request: RegisterRequest,
    profile: Profile,
    password_hash: str,
    origin: RequestOrigin,
    deps: Dependencies,
    *,
    plan: Plan = Plan.USER,
    role: Role = Role.USER,
) -> User:
    user = User.register(
        profile.user_id,
        email=request.email,
        username=request.username,
        password_hash=password_hash,
        plan=plan,
        role=role,
    )
    user.logged_in(now())
    address = origin.address
    await deps.audit.record(AuditAction.REGISTERED, target=user.id, address=address, plan=plan.value, role=role.value)
    await deps.profiles.add(profile)  # first, so that every account has a profile
    try:
        await deps.users.add(user)
    except DuplicateError as error:
        profile.erase()
        await deps.profiles.save(profile)
        raise (await find_conflict(request, deps)) or in_use_error("email", EmailConflictError) from error
    return user


async def find_conflict(request: RegisterRequest, deps: Dependencies) -> ConflictError | None:
    """Return the error of a registration whose address or username is taken, or None."""
    if await deps.users.named(request.email) is not None:
        return in_use_error("email", EmailConflictError)
    if request.username is not None and await deps.users.named(request.username) is not None:
        return in_use_error("username", UsernameConflictError)
    return None


def in_use_error(field: str, kind: type[ConflictError]) -> ConflictError:
    """Build the error of a field whose value is taken."""
    message = kind().message
    return kind(f"{field}: {message}", details=[{"field": field, "message": message}])
