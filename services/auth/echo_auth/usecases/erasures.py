"""Use cases of deleted accounts: request the erasure, follow the services, report."""

from contextlib import suppress

from echo_auth.dependencies import Dependencies
from echo_auth.domain.erasures import Erasure
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.errors.auth import LastAdministratorError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.auth import LOCAL_USER_ID
from echo_common.contracts.values import Role
from echo_common.errors import ForbiddenError, NotFoundError
from echo_common.http.pagination import Page
from echo_common.store.port import DuplicateError


async def delete_account(user: User, actor: str | None, origin: RequestOrigin, deps: Dependencies) -> Erasure:
    """Delete an account: refuse all its tokens, and publish the event by which every service erases the user's data.

    Idempotent. Raises `LastAdministratorError`, and `ForbiddenError` for the local user.
    """
    if user.id == LOCAL_USER_ID:
        raise ForbiddenError("The local user cannot be deleted.")
    if user.role is Role.ADMIN and user.is_active:
        await _deactivate_administrator(user, deps)
    return await _begin(user, actor, origin, deps)


async def repeat_erasures(deps: Dependencies) -> None:
    """Delete the accounts again that were deleted after the backup from which this database was restored.

    They may include the last administrator: the settings name one, who is created at the start. So emails and usernames are
    released at once, and the mails to them deleted.
    """
    if not (pseudonyms := await deps.restored_erasures.pseudonyms()):
        return
    async for user in deps.users.find({}):
        if user.deleted_at is None and deps.audit.pseudonym(user.id) in pseudonyms:
            await _delete_mails(user, deps)
            await _begin(user, None, RequestOrigin(), deps, release_names=True)
    await deps.restored_erasures.clear()


async def _delete_mails(user: User, deps: Dependencies) -> None:
    if user.email is not None:
        async for mail in deps.mails.find({"email": user.email}):
            with suppress(NotFoundError):  # sent and removed meanwhile
                await deps.mails.update(mail.id, Aggregate.erase)


async def _begin(
    user: User, actor: str | None, origin: RequestOrigin, deps: Dependencies, *, release_names: bool = False
) -> Erasure:
    def delete(held: User) -> None:
        held.delete(now())
        if release_names:
            held.release_names()

    services = deps.settings.erasing_services
    erasure = Erasure.request(deps.audit.pseudonym(user.id), services)
    await deps.audit.record(AuditAction.ACCOUNT_DELETED, actor=actor, target=user.id, address=origin.address)
    with suppress(DuplicateError):  # requested before
        await deps.erasures.add(erasure)
    await deps.users.update(user.id, delete)
    if not services:
        await deps.erasure.begin(user.id)
    return await deps.erasures.get(erasure.id)


async def _deactivate_administrator(user: User, deps: Dependencies) -> None:
    if not await deps.users.count_active_administrators(beside=user.id):
        raise LastAdministratorError
    await deps.users.update(user.id, lambda held: held.administer(now(), is_active=False))
    if not await deps.users.count_active_administrators():  # two administrators delete each other
        await deps.users.update(user.id, lambda held: held.administer(now(), is_active=True))
        raise LastAdministratorError


async def confirm_erasure(user_id: str, service: str, deps: Dependencies) -> None:
    """Record that a service has erased a user's data; after the last one, erase the account. Idempotent."""
    erasure = await deps.erasures.find_one({"_id": Erasure.id_of(deps.audit.pseudonym(user_id))})
    if erasure is None:
        return
    erasure = await deps.erasures.update(erasure.id, lambda held: held.confirm(service, now()))
    if not erasure.waiting_for:
        await deps.erasure.begin(user_id)


async def list_erasures(page: Page, deps: Dependencies) -> tuple[list[Erasure], int]:
    """Return a page of the erasures and their total number."""
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.erasures.find({}, sort=order, skip=page.offset, limit=page.limit)
    return [erasure async for erasure in found], await deps.erasures.count({})


async def get_erasure(erasure_id: str, deps: Dependencies) -> Erasure:
    """Return an erasure. Raises `ErasureNotFoundError`."""
    return await deps.erasures.get(erasure_id)
