"""Use cases of administrators: find, change, log out and delete users."""

import re
from dataclasses import dataclass
from typing import Any

from echo_auth.dependencies import Dependencies
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.profiles import Profile
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.api_keys import revoke_keys
from echo_auth.usecases.erasures import delete_account
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.users import view_of
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.auth import LastAdministratorError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.user_administration import AdministeredUser, UserAdministrationPatch
from echo_common.contracts.values import Plan, Role
from echo_common.errors import refuse
from echo_common.http.pagination import Page

USER_ORDERS = ("created_at", "last_login", "last_active_date", "email", "username")
"""Fields by which users can be sorted."""


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Filter of the list of users. `text` is an id, or part of an email address or username."""

    text: str | None = None
    plan: Plan | None = None
    role: Role | None = None
    is_active: bool | None = None


async def list_users(wanted: UserFilter, page: Page, deps: Dependencies) -> tuple[list[AdministeredUser], int]:
    """Return a page of the users that match, and their total number."""
    where = _where(wanted)
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    users = [user async for user in deps.users.find(where, sort=order, skip=page.offset, limit=page.limit)]
    found = deps.profiles.find({"_id": {"$in": [user.id for user in users]}})
    profiles = {profile.id: profile async for profile in found}
    views = [_view(user, profiles.get(user.id) or Profile(id=user.id, user_id=user.id)) for user in users]
    return views, await deps.users.count(where)


async def get_user(user_id: str, deps: Dependencies) -> AdministeredUser:
    """Return a user. Raises `UserNotFoundError`."""
    user = await deps.users.get(user_id)
    return _view(user, await load_profile(user, deps))


async def change_user(
    user_id: str, patch: UserAdministrationPatch, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> AdministeredUser:
    """Change plan, role or activity of a user; earlier access tokens are revoked, because they state plan and role.

    Raises `UserNotFoundError`, `ValidationError` for a change from or to the plan of guests, and `LastAdministratorError` for a
    change that leaves no active administrator.
    """
    before = await deps.users.get(user_id, deleted_at=None)
    changes = {name: value for name, value in patch.model_dump(exclude_none=True).items() if value != getattr(before, name)}
    if Plan.GUEST in (before.plan, changes.get("plan", before.plan)) and "plan" in changes:
        refuse("plan", "A guest becomes a user by POST /api/v1/auth/guest/upgrade, and a user never becomes a guest.")
    if not changes:
        return await get_user(user_id, deps)
    removes_administrator = before.role is Role.ADMIN and (patch.role is Role.USER or patch.is_active is False)
    if removes_administrator and not await deps.users.count_active_administrators(beside=user_id):
        raise LastAdministratorError
    values: dict[str, Any] = {name: value if isinstance(value, bool) else str(value) for name, value in changes.items()}
    await deps.audit.record(AuditAction.USER_CHANGED, actor=principal.user_id, target=user_id, address=origin.address, **values)
    await deps.users.update(user_id, lambda user: user.administer(now(), **changes))
    if removes_administrator and not await deps.users.count_active_administrators():  # two administrators removed each other
        earlier = {name: getattr(before, name) for name in changes}
        await deps.users.update(user_id, lambda user: user.administer(now(), **earlier))
        raise LastAdministratorError
    return await get_user(user_id, deps)


async def log_out_user(user_id: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """End all sessions of a user, and revoke all tokens and API keys. Raises `UserNotFoundError`."""
    await deps.users.get(user_id)
    await deps.audit.record(AuditAction.USER_LOGGED_OUT, actor=principal.user_id, target=user_id, address=origin.address)
    await deps.users.update(user_id, lambda user: user.end_sessions(now()))
    await revoke_keys(user_id, deps)


async def delete_user(user_id: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> Erasure:
    """Delete a user's account. Raises `UserNotFoundError`, and the errors of `delete_account`."""
    return await delete_account(await deps.users.get(user_id), principal.user_id, origin, deps)


def _where(wanted: UserFilter) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if wanted.text is not None:
        part = {"$regex": re.escape(wanted.text.lower())}
        where["$or"] = [{"_id": wanted.text}, {"email": part}, {"username_key": part}]
    if wanted.plan is not None:
        where["plan"] = wanted.plan.value
    if wanted.role is not None:
        where["role"] = wanted.role.value
    if wanted.is_active is not None:
        where["is_active"] = wanted.is_active
    return where


def _view(user: User, profile: Profile) -> AdministeredUser:
    return AdministeredUser(**view_of(user, profile).model_dump(), is_active=user.is_active)
