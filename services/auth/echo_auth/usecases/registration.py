"""Use cases of registration."""

from datetime import UTC, datetime, time

import structlog

from echo_auth.dependencies import Dependencies
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
    """Create a user and log in. Raises `EmailConflictError`, `UsernameConflictError`."""
    user, profile = await _create(request, Plan.USER, Role.USER, origin, deps)
    return await start_session(user, profile, origin, deps)


async def ensure_admin(deps: Dependencies) -> None:
    """Create the administrator from the settings, unless the account exists; an existing password is never changed."""
    email, password = deps.settings.admin_email, deps.settings.admin_password
    if email is None or password is None or await deps.users.named(email) is not None:
        return
    try:
        await _create(RegisterRequest(email=email, password=password), Plan.PREMIUM, Role.ADMIN, RequestOrigin(), deps)
    except EmailConflictError:
        return  # another replica was faster
    structlog.get_logger("echo.auth").info("administrator_created", email=email)


async def _create(
    request: RegisterRequest, plan: Plan, role: Role, origin: RequestOrigin, deps: Dependencies
) -> tuple[User, Profile]:
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
    address = origin.address
    await deps.audit.record(AuditAction.REGISTERED, target=user.id, address=address, plan=plan.value, role=role.value)
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
