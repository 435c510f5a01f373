"""Archives of everything that the platform stores for a user, made by the worker."""

import asyncio
import json
import shutil
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

from echo_auth.archive import ArchiveWriter, CollectionWriter, FileWriter
from echo_auth.dependencies import Dependencies
from echo_auth.domain.export_errors import (
    ExportDiskFullError,
    ExportObjectDamagedError,
    ExportTimeoutError,
    ExportTooLargeError,
)
from echo_auth.domain.exports import Export, ExportArchive
from echo_auth.domain.mails import OutgoingMail
from echo_auth.export_sources import ExportSource
from echo_auth.keys import EXPORT_TOKEN_LASTS
from echo_auth.usecases.exports import remove_earlier
from echo_auth.usecases.mails import queue_mail
from echo_common.clock import now
from echo_common.contracts.http.mails import MailKind
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.system_settings import EXPORT_KEEP_DAYS, EXPORT_MAX_BYTES, EXPORT_MAX_MINUTES
from echo_common.contracts.values import JobStatus
from echo_common.errors import EchoError, StorageFullError
from echo_common.faults import FaultPoints
from echo_common.shielded import shielded
from echo_common.storage.port import ObjectNotFoundError
from echo_common.work.port import Attempt, Result
from echo_common.work.task import Progress

_FORMAT: Final = "echo-export/1"
_MIME: Final = "application/zip"
_BATCH_BYTES: Final = 256 * 1024
_MINUTE_SECONDS: Final = 60.0


async def make_archive(deps: Dependencies, faults: FaultPoints, export: Export, attempt: Attempt) -> Result[Export]:
    """Make the archive of an export and store it.

    Raises `ExportObjectDamagedError`, `ExportTooLargeError`, `ExportTimeoutError`, `ExportDiskFullError`,
    `ServiceUnavailableError`.
    """
    key = f"{export.folder}{attempt.number}.zip"
    seconds = _MINUTE_SECONDS * deps.live_settings.get(EXPORT_MAX_MINUTES)
    try:
        async with asyncio.timeout(seconds), deps.scratch.work_folder("export") as folder:
            path = folder / "export.zip"
            with ArchiveWriter.open(path) as writer:
                await _ArchiveMaker(deps, faults, export, attempt, writer).make(folder)
            stored = await deps.objects.put_file(key, path, _MIME)
    except BaseException as error:
        await shielded(_delete(key, deps))
        if isinstance(error, StorageFullError):
            raise ExportDiskFullError from error
        if isinstance(error, TimeoutError):
            raise ExportTimeoutError from error
        raise
    await faults.reach("export.after_upload")
    archive = ExportArchive(
        key=key,
        size=stored.size,
        checksum=stored.checksum,
        files=writer.files,
        missing=writer.missing,
        services=tuple(deps.export_sources),
        omitted_services=deps.settings.omitted_services,
    )
    return _StoredArchive(archive, export, attempt.number, deps)


class _StoredArchive(Result[Export]):
    """An archive in object storage, until its export is completed."""

    def __init__(self, archive: ExportArchive, export: Export, attempt: int, deps: Dependencies) -> None:
        expires_at = now() + timedelta(days=deps.live_settings.get(EXPORT_KEEP_DAYS))
        super().__init__(lambda held: held.complete(attempt, archive, expires_at))
        self._archive = archive
        self._export = export
        self._deps = deps

    async def discard(self) -> None:
        """Delete the archive."""
        await _delete(self._archive.key, self._deps)

    async def finish(self) -> None:
        """Delete the archives of earlier attempts and exports, and tell the user by mail."""
        with suppress(EchoError):
            async for key in self._deps.objects.keys(self._export.folder):
                if key != self._archive.key:
                    await self._deps.objects.delete(key)
            user = await self._deps.users.find_one({"_id": self._export.user_id})
            if user is not None and user.email is not None and user.email_confirmed:
                mail = OutgoingMail.request(MailKind.EXPORT_READY, user.email, "en", now(), user_id=user.id)
                await queue_mail(mail, self._deps)
            await remove_earlier(self._export, [JobStatus.COMPLETED, JobStatus.FAILED], self._deps)


class _ArchiveMaker:
    """Maker of one archive: first all documents, and a list of the objects on disk, then the objects."""

    def __init__(
        self, deps: Dependencies, faults: FaultPoints, export: Export, attempt: Attempt, writer: ArchiveWriter
    ) -> None:
        self._deps = deps
        self._faults = faults
        self._export = export
        self._attempt = attempt
        self._writer = writer
        self._started_at = now()
        self._limit = deps.live_settings.get(EXPORT_MAX_BYTES)
        self._document_bytes = 0
        self._object_bytes = 0
        self._copied_bytes = 0
        self._token = ""
        self._renew_token_at = datetime.min.replace(tzinfo=self._started_at.tzinfo)

    async def make(self, folder: Path) -> None:
        """Write the whole archive."""
        with (folder / "objects.list").open("w+b") as listing:
            with CollectionWriter(self._writer, self._started_at) as collections:
                for name, source in self._deps.export_sources.items():
                    await self._write_documents(name, source, collections, listing)
            await self._faults.reach("export.after_documents")
            if shutil.disk_usage(folder).free < 2 * self._object_bytes:  # the archive, and its copy in object storage
                raise StorageFullError
            listing.seek(0)
            for line in listing:
                name, item = json.loads(line)
                await self._copy(self._deps.export_sources[name], ExportedObject.model_validate(item))
                await self._faults.reach("export.mid_objects")
        facts = {
            "format": _FORMAT,
            "platform_version": version("echo-auth"),
            "created_at": self._started_at.isoformat(),
            "export_id": self._export.id,
            "user_id": self._export.user_id,
            "services": list(self._deps.export_sources),
            "omitted_services": list(self._deps.settings.omitted_services),
        }
        await shielded(asyncio.to_thread(self._writer.finish, facts, self._started_at))

    async def _write_documents(
        self, name: str, source: ExportSource, collections: CollectionWriter, listing: IO[bytes]
    ) -> None:
        batch: list[tuple[str, bytes]] = []
        batch_bytes = 0
        async with aclosing(source.export(self._export.user_id, self._issue_token)) as items:
            async for item in items:
                if isinstance(item, ExportedDocument):
                    document = json.dumps(item.fields, ensure_ascii=False, indent=1).encode()
                    batch.append((item.collection, document))
                    batch_bytes += len(document)
                    self._document_bytes += len(document)
                else:
                    listing.write(json.dumps([name, item.model_dump(mode="json")]).encode() + b"\n")
                    self._object_bytes += item.size
                self._require_limit()
                if batch_bytes >= _BATCH_BYTES:
                    await shielded(asyncio.to_thread(collections.add, batch))
                    batch, batch_bytes = [], 0
        await shielded(asyncio.to_thread(collections.add, batch))
        await shielded(asyncio.to_thread(collections.end))

    async def _copy(self, source: ExportSource, item: ExportedObject) -> None:
        """Copy an object; one that was deleted or replaced meanwhile is noted as missing."""
        blocks = source.read(item, self._export.user_id, self._issue_token)
        async with aclosing(blocks):
            try:
                block = await anext(blocks, b"")
            except ObjectNotFoundError:
                self._writer.add_missing(item.name)
                self._report(item.size)
                return
            with self._writer.file(item.name, item.mime, modified=item.created_at, size=item.size) as target:
                while block:
                    await self._write(target, block, item)
                    block = await anext(blocks, b"")
                copied = target.written
        if (copied.size, copied.sha256) != (item.size, item.checksum):
            raise _damaged(item)

    async def _write(self, target: FileWriter, block: bytes, item: ExportedObject) -> None:
        if target.size + len(block) > item.size:
            raise _damaged(item)
        await shielded(asyncio.to_thread(target.write, block))
        self._report(len(block))

    def _report(self, copied: int) -> None:
        self._copied_bytes += copied
        self._attempt.report(Progress(self._copied_bytes, self._object_bytes))

    def _require_limit(self) -> None:
        if 0 < self._limit < self._document_bytes + self._object_bytes:
            raise ExportTooLargeError(
                f"The data exceeds the limit of {self._limit} bytes; ask the operator to raise the system setting export.max_bytes."
            )

    async def _issue_token(self) -> str:
        if (moment := now()) >= self._renew_token_at:
            user = await self._deps.users.get(self._export.user_id)
            self._token = self._deps.signer.export_token(user, self._export.id, moment)
            self._renew_token_at = moment + EXPORT_TOKEN_LASTS / 2
        return self._token


async def _delete(key: str, deps: Dependencies) -> None:
    with suppress(EchoError):
        await deps.objects.delete(key)


def _damaged(item: ExportedObject) -> ExportObjectDamagedError:
    message = f"The file {item.name} is damaged: its bytes differ from its checksum. Delete it, then request another export."
    return ExportObjectDamagedError(message)
