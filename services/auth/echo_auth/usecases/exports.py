"""Use cases of exports: request, list, download, delete, and the removal of expired ones."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

import structlog

from echo_auth.dependencies import Dependencies
from echo_auth.domain.exports import Export, ExportArchive
from echo_auth.domain.request_origin import RequestOrigin
from echo_common.auth.principal import Principal
from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.clock import now
from echo_common.contracts.errors.exports import ExportNotFoundError
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.exports import ExportLink
from echo_common.contracts.values import JobStatus
from echo_common.errors import LinkInvalidError, NotFoundError
from echo_common.http.pagination import Page
from echo_common.http.proxy_options import PUBLIC_ROOT
from echo_common.storage.port import ObjectNotFoundError
from echo_common.store.port import DuplicateError

EXPORT_ORDERS: Final = ("created_at",)
"""Fields by which exports can be sorted."""

_UNFINISHED: Final = [JobStatus.PENDING.value, JobStatus.PROCESSING.value]
_EXPIRY_SECONDS: Final = 300.0

_log = structlog.get_logger("echo.exports")


async def request_export(principal: Principal, origin: RequestOrigin, deps: Dependencies) -> Export:
    """Queue an export of everything of the user; return the unfinished one if there is one. Failed ones are removed."""
    user_id = principal.user_id
    while (unfinished := await deps.exports.find_one({"active_for": user_id})) is None:
        export = Export.request(user_id)
        await _record(AuditAction.EXPORT_REQUESTED, export, origin, deps)
        with suppress(DuplicateError):  # a concurrent request was faster
            await deps.exports.add(export)
            await remove_earlier(export, [JobStatus.FAILED], deps)
            deps.worker.wake()
            return export
    return unfinished


async def list_exports(principal: Principal, page: Page, deps: Dependencies) -> tuple[list[Export], int]:
    """Return a page of the user's exports that have not expired, and their total number."""
    where = {"user_id": principal.user_id, **deps.exports.unexpired(now())}
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.exports.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [export async for export in found], await deps.exports.count(where)


async def get_export(export_id: str, principal: Principal, deps: Dependencies) -> Export:
    """Return an export of the user. Raises `ExportNotFoundError`."""
    return await deps.exports.get(export_id, user_id=principal.user_id, **deps.exports.unexpired(now()))


async def find_linked_export(export_id: str, expires: int, signature: str, deps: Dependencies) -> Export:
    """Return the export of a signed link. Raises `LinkInvalidError`, also for an export that does not exist."""
    export = await deps.exports.find_one({"_id": export_id, **deps.exports.unexpired(now())})
    if export is None:
        raise LinkInvalidError
    deps.export_links.check(_download_path(export), export.user_id, expires, signature)
    return export


async def find_archive(export: Export, deps: Dependencies) -> ExportArchive:
    """Return the archive of an export.

    Raises `ExportStateConflictError`, and `ExportNotFoundError` if the object storage has lost the archive.
    """
    archive = export.completed_archive()
    try:
        await deps.objects.info(archive.key)
    except ObjectNotFoundError:
        raise ExportNotFoundError from None
    return archive


async def record_download(export: Export, origin: RequestOrigin, deps: Dependencies) -> None:
    """Record in the audit log that bytes of the archive are sent."""
    await _record(AuditAction.EXPORT_DOWNLOADED, export, origin, deps)


async def remove_earlier(export: Export, statuses: Sequence[JobStatus], deps: Dependencies) -> None:
    """Remove the earlier exports of the same user that have one of the statuses, with their archives."""
    status = {"$in": [status.value for status in statuses]}
    where = {"user_id": export.user_id, "status": status, "created_at": {"$lt": export.created_at}}
    for earlier in [earlier async for earlier in deps.exports.find(where)]:
        await _remove(earlier, deps)


async def link_export(
    export_id: str, seconds: int, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> ExportLink:
    """Return a signed link to an archive. Raises `ExportNotFoundError`, `ExportStateConflictError`."""
    export = await get_export(export_id, principal, deps)
    export.completed_archive()
    await _record(AuditAction.EXPORT_LINKED, export, origin, deps)
    url, until = deps.export_links.sign(_download_path(export), export.user_id, seconds)
    return ExportLink(url=url, expires_at=until)


async def delete_export(export_id: str, principal: Principal, origin: RequestOrigin, deps: Dependencies) -> None:
    """Delete an export and its archive; an unfinished one ends. Raises `ExportNotFoundError`."""
    export = await get_export(export_id, principal, deps)
    await _record(AuditAction.EXPORT_DELETED, export, origin, deps)
    await _remove(export, deps)


async def remove_expired(deps: Dependencies, moment: datetime | None = None) -> int:
    """Remove the exports that have expired by a moment, by default now; return their number."""
    due = [export async for export in deps.exports.find({"expires_at": {"$lte": moment or now()}})]
    for export in due:
        await _remove(export, deps)
        _log.info("export_expired", export_id=export.id)
    return len(due)


@asynccontextmanager
async def expiring(deps: Dependencies) -> AsyncIterator[None]:
    """Remove expired exports while the context lasts; replicas may do so at the same time."""
    async with running_in_background(_keep_expiring(deps)):
        yield


async def find_owned_archives(keys: Sequence[str], deps: Dependencies) -> Collection[str]:
    """Return those keys that an export refers to, or that an unfinished one may still refer to."""
    by_export: dict[str, list[str]] = {}
    for key in keys:
        by_export.setdefault(key.split("/")[2], []).append(key)
    owned: set[str] = set()
    async for export in deps.exports.find({"_id": {"$in": list(by_export)}}):
        if export.status.value in _UNFINISHED:
            owned.update(by_export[export.id])
        elif export.archive is not None:
            owned.add(export.archive.key)
    return owned


def _download_path(export: Export) -> str:
    return f"{PUBLIC_ROOT}/users/me/exports/{export.id}/download"


async def _remove(export: Export, deps: Dependencies) -> None:
    """Remove an export. Its archive goes first, because the record leads to it again after a crash."""
    await _remove_archives(export, deps)
    with suppress(NotFoundError):
        await deps.exports.update(export.id, Export.erase)
    deps.worker.recheck(export.id)
    await _remove_archives(export, deps)  # of an attempt that ended meanwhile


async def _remove_archives(export: Export, deps: Dependencies) -> None:
    async for key in deps.objects.keys(export.folder):
        await deps.objects.delete(key)


async def _record(action: AuditAction, export: Export, origin: RequestOrigin, deps: Dependencies) -> None:
    user_id = export.user_id
    await deps.audit.record(action, actor=user_id, target=user_id, address=origin.address, export_id=export.id)


async def _keep_expiring(deps: Dependencies) -> None:
    while True:
        with continue_after_errors(_log, "export_expiry"):
            await remove_expired(deps)
        await asyncio.sleep(_EXPIRY_SECONDS)
