"""Backup of a running platform."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any

from echo_common.bus.connect import recorded_events
from echo_common.bus.port import EventRecorder
from echo_common.outbox.restored import MARKS, event_document
from echo_common.storage.connect import open_storage
from echo_common.storage.port import ObjectNotFoundError, ObjectStore
from echo_common.store.codec import encode
from echo_common.store.connect import open_snapshot
from echo_common.store.port import Document, Snapshot
from echo_common.vectors.port import StoredVector
from echo_common.vectors.qdrant import stored_vectors
from echo_embedded.backup.archive import EVENTS, MIME, VECTORS, Archive, Header, Report
from echo_embedded.backup.parts import CONSUMERS, LEFT_OUT, SERVICES
from echo_embedded.backup.passphrase import Keys
from echo_embedded.backup.places import Places
from echo_embedded.backup.verification import verify
from echo_embedded.backup.writer import ArchiveWriter
from echo_embedded.data_folder import CannotStartError, Secrets

SETTLE_SECONDS = 30.0
_IN_MEMORY = 8 * 1024 * 1024


async def back_up(places: Places, secrets: Secrets | None, passphrase: str | None, target: Path, report: Report) -> Archive:
    """Write an archive of a platform, which may be running; verify it; then give it its name.

    Objects and vectors are copied before the databases are read, and new ones again after that: every object and vector to which
    the databases refer is in the archive, except those `LEFT_OUT`. All databases are read as of one moment.

    Raises `CannotStartError` for a platform whose restore was interrupted, `OSError`, `EchoError` for an unreachable part of the
    platform, `ArchiveError` for an archive that is not read back as it was written.
    """
    keys = None if secrets is None or passphrase is None else Keys.derive(passphrase)
    part = target.with_name(f".{target.name}.part")
    try:
        with _create_private(part) as file:
            writer = ArchiveWriter(file, Header.create(places.form, keys), keys, target.parent)
            try:
                if secrets is not None and keys is not None:
                    writer.add_secrets(secrets)
                await _Backup(places, writer, target.parent, report).run()
            finally:
                writer.close()
            file.flush()
            os.fsync(file.fileno())
        verified = await asyncio.to_thread(verify, part, lambda: passphrase or "", report, target.parent)
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return Archive(target, verified.header, verified.manifest, verified.secrets)


@dataclass
class _Backup:
    places: Places
    writer: ArchiveWriter
    scratch: Path
    report: Report
    counts: Counter[str] = field(default_factory=lambda: Counter(objects=0, documents=0, vectors=0, events=0))
    warnings: list[str] = field(default_factory=list)

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            objects = await open_storage(
                self.places.objects_url,
                access_key=self.places.objects_access_key,
                secret_key=self.places.objects_secret_key,
            )
            stack.push_async_callback(objects.close)
            copied = stack.enter_context(_open_keys_file(self.scratch))
            vectors = stack.enter_context(_Lines(self.scratch))
            known: set[str] = set()
            names = [self.places.database(service) for service in SERVICES]
            async with open_snapshot(self.places.database_url, names) as snapshot:
                await self._require_restored(snapshot)
            recorder = await stack.enter_async_context(recorded_events(self.places.bus_url, CONSUMERS))
            await self._copy_objects(objects, (), copied)
            await self._copy_vectors(vectors, known)
            if not await recorder.settle(SETTLE_SECONDS):
                self.warnings.append("The queues of the broker were never empty: events may be missing.")
            async with open_snapshot(self.places.database_url, names) as snapshot:
                await self._require_restored(snapshot)
                await self._copy_databases(snapshot)
            await self._copy_events(recorder)
            await self._copy_vectors(vectors, known)
            vectors.add_to(self.writer, VECTORS)
            copied.seek(0)
            await self._copy_objects(objects, (key.rstrip("\n") for key in copied), None)
        self.writer.finish(dict(self.counts), self.warnings)

    async def _require_restored(self, snapshot: Snapshot) -> None:
        for service in SERVICES:
            database = self.places.database(service)
            if MARKS in await snapshot.collections(database) and [mark async for mark in snapshot.documents(database, MARKS)]:
                raise CannotStartError("The restore of this platform is not complete: repeat `echoctl restore` first.")

    async def _copy_databases(self, snapshot: Snapshot) -> None:
        if not snapshot.consistent:
            self.warnings.append("The database server has no snapshot reads: the databases may be of different moments.")
        for service in SERVICES:
            database = self.places.database(service)
            for collection in await snapshot.collections(database):
                if collection == MARKS:
                    continue
                with _Lines(self.scratch) as lines:
                    async for document in snapshot.documents(database, collection):
                        lines.write(document)
                        self._count("documents")
                    lines.add_to(self.writer, f"databases/{service}/{collection}.jsonl")

    async def _copy_objects(self, objects: ObjectStore, before: Iterable[str], copied: IO[str] | None) -> None:
        """Copy the objects, except those `LEFT_OUT` and `before`, whose keys are in order; append the keys to `copied`."""
        async for key in _leave_out(objects.keys(""), iter(before)):
            if key.startswith(LEFT_OUT):
                continue
            with suppress(ObjectNotFoundError):  # deleted meanwhile
                await self._copy_object(objects, key)
                if copied is not None:
                    copied.write(f"{key}\n")

    async def _copy_object(self, objects: ObjectStore, key: str) -> None:
        info = await objects.info(key)
        with _open_spooled(self.scratch) as content:
            async for block in objects.read(key):
                content.write(block)
            digest = self.writer.add(f"objects/{key}", content, **{MIME: info.mime})
        if info.checksum and digest != info.checksum:
            self.warnings.append(f"The object {key} differs from its checksum in the storage.")
        self._count("objects")

    async def _copy_vectors(self, lines: "_Lines", known: set[str]) -> None:
        async for vector in stored_vectors(self.places.vectors_url, api_key=self.places.vectors_api_key):
            document = _vector_document(vector)
            if document["_id"] not in known:
                known.add(document["_id"])
                lines.write(document)
                self._count("vectors")

    async def _copy_events(self, recorder: EventRecorder) -> None:
        known: set[str] = set()
        with _Lines(self.scratch) as lines:
            async for message in recorder.recorded():
                if message.id in known:  # published again by its outbox
                    continue
                known.add(message.id)
                lines.write(event_document(message))
                self._count("events")
            lines.add_to(self.writer, EVENTS)

    def _count(self, kind: str) -> None:
        self.counts[kind] += 1
        self.report(f"Copying {kind}", self.counts[kind], None)


def _open_spooled(scratch: Path) -> IO[bytes]:
    """Open a temporary file that is kept in memory while it is small."""
    return SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch))


def _open_keys_file(scratch: Path) -> IO[str]:
    return TemporaryFile("w+", dir=scratch)


class _Lines:
    """Documents in a temporary file, one a line."""

    def __init__(self, scratch: Path) -> None:
        self._file = _open_spooled(scratch)

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, document: Document) -> None:
        """Add a document."""
        self._file.write(encode(document) + b"\n")

    def add_to(self, writer: ArchiveWriter, name: str) -> None:
        """Add the file to an archive."""
        writer.add(name, self._file)


async def _leave_out(keys: AsyncIterator[str], known: Iterator[str]) -> AsyncIterator[str]:
    """Yield the keys that are not known; both are in order."""
    next_known = next(known, None)
    async for key in keys:
        while next_known is not None and next_known < key:
            next_known = next(known, None)
        if key != next_known:
            yield key


def _vector_document(vector: StoredVector) -> dict[str, Any]:
    return {
        "_id": f"{vector.collection}/{vector.key}",
        "collection": vector.collection,
        "key": vector.key,
        "vector": [float(value) for value in vector.vector],
        "facts": dict(vector.facts),
    }


@contextmanager
def _create_private(path: Path) -> Iterator[IO[bytes]]:
    """Create a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
        yield file


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
