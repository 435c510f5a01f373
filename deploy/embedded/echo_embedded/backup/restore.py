"""Restore of a verified archive into an empty platform that is not running."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile

from echo_common.bus.connect import declare_consumers
from echo_common.outbox.documents import NOT_ERASED
from echo_common.outbox.restored import EVENTS, MARKS, is_incomplete, mark_complete, mark_incomplete
from echo_common.storage.connect import open_storage
from echo_common.storage.port import ObjectStore
from echo_common.store.connect import open_store
from echo_common.store.port import Document, Store
from echo_common.vectors.qdrant import QdrantVectors, open_vectors, stored_vectors
from echo_embedded.backup.archive import MIME, Archive, Report, open_contents, read_documents
from echo_embedded.backup.create import sync_folder
from echo_embedded.backup.parts import CONSUMERS, SERVICES, VECTOR_OWNERS, lacks_object
from echo_embedded.backup.places import Places
from echo_embedded.backup.tar import COPIED_BYTES, TarMember
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.tokens import write_private

RESTORED_ERASURES = "restored_erasures"
"""Collection of auth with the pseudonyms that auth erases again at its next start."""

_AT_ONCE = 32
_DEFAULT_MIME = "application/octet-stream"


async def restore_folder(
    archive: Archive, data: Path, secrets: Secrets, erasures: Mapping[str, datetime], report: Report
) -> None:
    """Restore a platform on one machine into a data folder that is empty or does not exist.

    Everything is written into another folder beside it, which is renamed at the end. Raises `CannotStartError`, `OSError`.
    """
    data = _require_empty_folder(data)
    incoming = DataFolder(data.with_name(f".{data.name}.restoring"))
    with incoming.lock():
        try:
            for leftover in (incoming.database, incoming.objects, incoming.vectors):  # of a restore that was killed
                shutil.rmtree(leftover)
                leftover.mkdir(mode=0o700)
            await restore(archive, Places.of_folder(incoming), erasures, report)
            write_private(incoming.path / "secrets.json", asdict(secrets))
            _rename(incoming.path, data)
        finally:
            shutil.rmtree(incoming.path, ignore_errors=True)


def _require_empty_folder(data: Path) -> Path:
    """Return the absolute path of a data folder; create the folder that contains it. Raises `CannotStartError`."""
    data = data.expanduser().absolute()
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise CannotStartError(
            f"The data folder {data} is not empty: choose another folder with --data, or move this one away. Nothing was changed."
        )
    if data.is_mount():  # it cannot be replaced by the renamed folder
        raise CannotStartError(
            f"The data folder {data} is a mount point: choose a folder inside it with --data, for example {data / 'echo'}."
        )
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data


def _rename(incoming: Path, data: Path) -> None:
    if data.exists():
        data.rmdir()
    incoming.rename(data)
    sync_folder(data.parent)


async def restore(archive: Archive, places: Places, erasures: Mapping[str, datetime], report: Report) -> None:
    """Restore into databases, object storage and vectors that are empty, or that an interrupted restore has left.

    Until it is complete, no service starts on these databases. Raises `CannotStartError`, `EchoError` for an unreachable part of
    the platform.
    """
    async with AsyncExitStack() as stack:
        stores = {service: await stack.enter_async_context(_store(places, service)) for service in SERVICES}
        objects = await open_storage(
            places.objects_url, access_key=places.objects_access_key, secret_key=places.objects_secret_key
        )
        stack.push_async_callback(objects.close)
        await _require_empty(stores, objects, places)
        for store in stores.values():
            await mark_incomplete(store)
        vectors = open_vectors(places.vectors_url, api_key=places.vectors_api_key)
        stack.push_async_callback(vectors.close)
        await _empty(stores.values(), objects, vectors, places)
        await _write(archive, stores, objects, vectors, report)
        await _put_erasures(stores["auth"], erasures)
        await declare_consumers(places.bus_url, CONSUMERS)
        for service in reversed(SERVICES):  # auth last: without it, the others serve no user
            await mark_complete(stores[service])


@asynccontextmanager
async def _store(places: Places, service: str) -> AsyncIterator[Store]:
    store = await open_store(places.database_url, places.database(service))
    try:
        yield store
    finally:
        await store.close()


async def _require_empty(stores: Mapping[str, Store], objects: ObjectStore, places: Places) -> None:
    """Raise `CannotStartError` if the platform has data that is not the rest of an interrupted restore."""
    for store in stores.values():
        if await is_incomplete(store):
            return
    for service, store in stores.items():
        for name in await store.collections():
            if await store.collection(name).count({}):
                raise CannotStartError(
                    f"The platform is not empty: its database {service} has documents in {name}. Nothing was changed. "
                    "Restore into a new platform, before its services start for the first time."
                )
    if await objects.list("", limit=1):
        raise CannotStartError("The platform is not empty: its object storage has objects. Nothing was changed.")
    if await _read_vector_keys(places):
        raise CannotStartError("The platform is not empty: its vector index has vectors. Nothing was changed.")


async def _empty(stores: Iterable[Store], objects: ObjectStore, vectors: QdrantVectors, places: Places) -> None:
    """Remove the rest of an interrupted restore."""
    for store in stores:
        for name in await store.collections():
            if name != MARKS:
                await store.collection(name).delete({})
    while found := await objects.list(""):
        for listed in found:
            await objects.delete(listed.key)
    for collection, key in await _read_vector_keys(places):
        await vectors.delete(collection, key)


async def _read_vector_keys(places: Places) -> list[tuple[str, str]]:
    found = stored_vectors(places.vectors_url, api_key=places.vectors_api_key)
    return [(vector.collection, vector.key) async for vector in found]


async def _write(
    archive: Archive, stores: Mapping[str, Store], objects: ObjectStore, vectors: QdrantVectors, report: Report
) -> None:
    done = 0
    with open_contents(archive) as found:
        for part, member in found:
            if part.kind == "object":
                await _put_object(objects, part.key, member)
            elif part.kind == "database":
                documents = (document for document in read_documents(member) if not lacks_object(document))
                await _insert(stores[part.service], part.collection, documents)
            elif part.kind == "vectors":  # after the databases
                await _put_vectors(vectors, stores["voice"], read_documents(member))
            elif part.kind == "events":
                await _put_events(stores, read_documents(member))
            done += member.size
            report("Restoring", done, archive.manifest.bytes)


async def _put_object(objects: ObjectStore, key: str, member: TarMember) -> None:
    mime = member.labels.get(MIME, _DEFAULT_MIME)
    if member.size <= COPIED_BYTES:
        await objects.put(key, member.content.read(), mime)
        return
    with NamedTemporaryFile() as file:
        shutil.copyfileobj(member.content, file, COPIED_BYTES)
        file.flush()
        await objects.put_file(key, Path(file.name), mime)


async def _insert(store: Store, name: str, found: Iterator[Document]) -> None:
    collection = store.collection(name)
    await collection.ensure([])
    for batch in _split(found):
        await asyncio.gather(*map(collection.insert, batch))


async def _put_vectors(vectors: QdrantVectors, voice: Store, found: Iterator[Document]) -> None:
    """Put the vectors, except those whose sample or voice model was deleted while the backup was made."""
    for batch in _split(found):
        where = {"_id": {"$in": [document["key"] for document in batch]}, **NOT_ERASED}
        owners = {owner["_id"] for name in VECTOR_OWNERS async for owner in voice.collection(name).find(where, fields=["_id"])}
        for document in batch:
            if document["key"] in owners:
                await vectors.put(document["collection"], document["key"], document["vector"], document["facts"])


async def _put_events(stores: Mapping[str, Store], found: Iterator[Document]) -> None:
    """Put each event into the outbox of its publisher, which publishes it at its next start; consumers drop duplicates."""
    for batch in _split(found):
        events = {event["_id"]: event for event in batch if _find_publisher(event) in stores}
        await asyncio.gather(*(_put(stores[_find_publisher(event)], EVENTS, event) for event in events.values()))


def _find_publisher(event: Document) -> str:
    return str(event["outbox"][0]["topic"]).partition(".")[0]


async def _put_erasures(auth: Store, erasures: Mapping[str, datetime]) -> None:
    for pseudonym, moment in erasures.items():
        await _put(auth, RESTORED_ERASURES, {"_id": pseudonym, "requested_at": moment})


async def _put(store: Store, name: str, document: Document) -> None:
    """Insert a document, or replace the one in the archived databases: a platform can be backed up soon after its restore."""
    values = {key: value for key, value in document.items() if key != "_id"}
    await store.collection(name).upsert({"_id": document["_id"]}, {"$set": values})


def _split(found: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(islice(found, _AT_ONCE)):
        yield batch
