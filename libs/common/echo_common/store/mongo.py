"""Store on MongoDB's wire protocol: MongoDB itself, or the embedded server. The only importer of the driver.

Motor is deprecated in favour of PyMongo's own asynchronous client, whose calls have the same names; migration affects this file
alone.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import CollectionInvalid, ConnectionFailure, OperationFailure, PyMongoError

from echo_common.store.port import (
    Collection,
    Document,
    DuplicateError,
    Filter,
    Index,
    Snapshot,
    Sort,
    Store,
    StoreUnavailableError,
)

TIMEOUT = 4.5
"""Timeout of one call in seconds, retries by the driver included."""

ENSURE_TIMEOUT = 120.0
"""Timeout of building an index over existing documents, in seconds."""

_CLOSE_SECONDS = 0.5
_BATCH = 256
_DUPLICATE_KEY = 11000
_EXISTS = 48
_INDEX_DIFFERS = {85, 86}
_INDEX_IN_MESSAGE = re.compile(r"index: (\S{1,300}) {1,9}dup key")
_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)


async def open_store(url: str, database: str) -> Store:
    """Open a service's database at a `mongodb://` URL. It connects with the first call, and reconnects automatically."""
    return MongoStore(_client(url, database), database)


@asynccontextmanager
async def open_snapshot(url: str, databases: Sequence[str]) -> AsyncIterator[Snapshot]:
    """Open a snapshot of these databases. Raises `StoreUnavailableError`."""
    client = _client(url, "backup")
    try:
        session = await _snapshot_session(client, databases)
        try:
            yield MongoSnapshot(client, session)
        finally:
            if session is not None:
                await session.end_session()
    finally:
        await MongoStore(client, databases[0]).close()


def _client(url: str, name: str) -> "AsyncIOMotorClient[Document]":
    return AsyncIOMotorClient(
        url,
        appname=f"echo-{name}",
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
        socketTimeoutMS=int(TIMEOUT * 1000),
        waitQueueTimeoutMS=int(TIMEOUT * 1000),
        maxPoolSize=32,
        maxIdleTimeMS=20_000,  # connections of a load peak are closed after it
        w="majority",
    )


class MongoStore:
    """A database of a MongoDB server."""

    def __init__(self, client: "AsyncIOMotorClient[Document]", database: str) -> None:
        self._client = client
        self._database = client.get_database(database, codec_options=_OPTIONS)

    def collection(self, name: str) -> Collection:
        return MongoCollection(self._database, name)

    async def collections(self) -> Sequence[str]:
        return await _collections(self._database)

    async def ping(self) -> None:
        async with _translated():
            await self._client.admin.command("ping")

    async def time(self) -> datetime:
        async with _translated():
            server = await self._client.admin.command("hello", codec_options=_OPTIONS)
        moment: datetime = server["localTime"]
        return moment

    async def close(self) -> None:
        # The driver notifies the server, and waits for one that is unreachable.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with pymongo.timeout(_CLOSE_SECONDS):
            self._client.close()


class MongoCollection:
    """A collection of a MongoDB database."""

    def __init__(self, database: Any, name: str) -> None:
        self._database = database
        self._documents = database[name]

    @property
    def name(self) -> str:
        return str(self._documents.name)

    async def ensure(self, indexes: Sequence[Index]) -> None:
        # Detects an unreachable server at once: the timeout below would wait for it as long as for an index.
        async with _translated():
            await self._database.client.admin.command("ping")
        # The inner timeout overrides the socket's, which would abort a long build.
        async with _translated(ENSURE_TIMEOUT):
            with pymongo.timeout(ENSURE_TIMEOUT):
                await self._ensure(indexes)

    async def _ensure(self, indexes: Sequence[Index]) -> None:
        with suppress(CollectionInvalid):
            try:
                await self._database.create_collection(self.name)
            except OperationFailure as error:  # another replica was faster
                if error.code != _EXISTS:
                    raise
        for index in indexes:
            await self._ensure_index(index)

    async def _ensure_index(self, index: Index) -> None:
        options = _index_options(index)
        try:
            await self._documents.create_index(list(index.fields), **options)
        except OperationFailure as error:
            if error.code not in _INDEX_DIFFERS:
                raise
            await self._documents.drop_index(index.name)
            await self._documents.create_index(list(index.fields), **options)

    async def insert(self, document: Document) -> None:
        async with _translated():
            await self._documents.insert_one(document)

    async def find_one(self, where: Filter) -> Document | None:
        async with _translated():
            found: Document | None = await self._documents.find_one(where)
        return found

    async def find(
        self, where: Filter, *, sort: Sort = (), skip: int = 0, limit: int = 0, fields: Sequence[str] = ()
    ) -> AsyncIterator[Document]:
        cursor = self._documents.find(where, list(fields) or None, sort=list(sort) or None, skip=skip, limit=limit)
        try:
            while True:
                async with _translated():
                    batch = await cursor.to_list(_BATCH)
                for document in batch:
                    yield document
                if len(batch) < _BATCH:
                    return
        finally:
            if cursor.alive:
                async with _translated():
                    await cursor.close()

    async def count(self, where: Filter) -> int:
        async with _translated():
            return int(await self._documents.count_documents(where))

    async def update_one(self, where: Filter, update: Mapping[str, Any]) -> bool:
        async with _translated():
            result = await self._documents.update_one(where, update)
        return bool(result.matched_count)

    async def update_many(self, where: Filter, update: Mapping[str, Any]) -> int:
        async with _translated():
            result = await self._documents.update_many(where, update)
        return int(result.matched_count)

    async def upsert(self, where: Filter, update: Mapping[str, Any]) -> None:
        async with _translated():
            await self._documents.update_one(where, update, upsert=True)

    async def delete(self, where: Filter) -> int:
        async with _translated():
            result = await self._documents.delete_many(where)
        return int(result.deleted_count)


class MongoSnapshot:
    """Reads of all databases as of one cluster time, or, without a session, as of each read."""

    def __init__(self, client: "AsyncIOMotorClient[Document]", session: Any) -> None:
        self._client = client
        self._session = session

    @property
    def consistent(self) -> bool:
        return self._session is not None

    async def collections(self, database: str) -> Sequence[str]:
        return await _collections(self._client[database])

    async def documents(self, database: str, collection: str) -> AsyncIterator[Document]:
        documents = self._client.get_database(database, codec_options=_OPTIONS)[collection]
        cursor = documents.find({}, session=self._session)
        while True:
            async with _translated():
                batch = await cursor.to_list(_BATCH)
            for document in batch:
                yield document
            if len(batch) < _BATCH:
                return


async def _snapshot_session(client: "AsyncIOMotorClient[Document]", databases: Sequence[str]) -> Any:
    """Return a session whose reads are as of one moment, which is now; None from a server without such reads."""
    async with _translated():
        server = await client.admin.command("hello")
        if "setName" not in server and server.get("msg") != "isdbgrid":
            return None  # neither a replica set nor a sharded cluster
        session = await client.start_session(snapshot=True)
        # The first read determines the moment.
        await client[databases[0]]["settings"].find_one({}, session=session)
        return session


async def _collections(database: Any) -> list[str]:
    async with _translated():
        names: list[str] = await database.list_collection_names()
    return sorted(name for name in names if not name.startswith("system."))


def _index_options(index: Index) -> dict[str, Any]:
    options: dict[str, Any] = {"name": index.name}
    if index.unique:
        options["unique"] = True
        if len(index.fields) > 1:
            # A sparse index over several fields would include documents with any of them; a partial one requires them all.
            options["partialFilterExpression"] = {name: {"$exists": True} for name, _ in index.fields}
    if index.sparse or (index.unique and len(index.fields) == 1):
        options["sparse"] = True
    if index.ttl is not None:
        options["expireAfterSeconds"] = index.ttl
    return options


@asynccontextmanager
async def _translated(timeout: float = TIMEOUT) -> AsyncIterator[None]:
    try:
        # The driver's own limits start when one of its few threads takes up the call; during an outage calls queue there.
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        raise StoreUnavailableError from error
    except PyMongoError as error:
        if isinstance(error, ConnectionFailure) or error.timeout:
            raise StoreUnavailableError from error
        if duplicate := _duplicate(error):
            raise duplicate from error
        raise


def _duplicate(error: PyMongoError) -> DuplicateError | None:
    if not isinstance(error, OperationFailure):
        return None
    details: Mapping[str, Any] = error.details or {}
    if details.get("code", error.code) != _DUPLICATE_KEY:
        return None
    if named := _INDEX_IN_MESSAGE.search(str(details.get("errmsg", error))):
        return DuplicateError(named[1].rpartition(".$")[2])
    pattern: Mapping[str, Any] = details.get("keyPattern", {})
    return DuplicateError("_id_" if "_id" in pattern else "_".join(f"{name}_{order}" for name, order in pattern.items()))
