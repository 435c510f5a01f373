"""Vector index in Qdrant: a server, or a folder for one process. The only importer of its driver."""

import asyncio
import json
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException
from qdrant_client.local.persistence import CollectionPersistence
from qdrant_client.local.qdrant_local import META_INFO_FILENAME

from echo_common.vectors.port import Facts, Neighbour, StoredVector, VectorsUnavailableError

R = TypeVar("R")

_NAMESPACE = uuid.UUID("6f1d0d3e-3c52-4cc0-9c4e-0d7f4d7a9f11")
_KEY = "key"
_FACTS = "facts"
_SECONDS = 5
_PAGE = 256


class QdrantVectors:
    """Vector index, opened with `open_vectors`. Calls run in one thread: the folder form does not support several."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        self._known: set[str] = set()

    async def put(self, collection: str, key: str, vector: Sequence[float], facts: Facts) -> None:
        point = models.PointStruct(id=_point(key), vector=list(vector), payload={_KEY: key, _FACTS: dict(facts)})

        def put() -> None:
            self._ensure(collection, len(vector))
            self._client.upsert(collection, [point], wait=True)

        await self._call(put)

    async def get(self, collection: str, key: str) -> Sequence[float] | None:
        def get() -> Sequence[float] | None:
            if not self._exists(collection):
                return None
            found = self._client.retrieve(collection, [_point(key)], with_vectors=True)
            return cast("Sequence[float]", found[0].vector) if found else None

        return await self._call(get)

    async def nearest(
        self, collection: str, vector: Sequence[float], *, limit: int, where: Mapping[str, Sequence[str]]
    ) -> Sequence[Neighbour]:
        conditions: list[Any] = [
            models.FieldCondition(key=f"{_FACTS}.{name}", match=models.MatchAny(any=list(values)))
            for name, values in where.items()
        ]

        def nearest() -> Sequence[Neighbour]:
            if not self._exists(collection):
                return ()
            found = self._client.query_points(
                collection, query=list(vector), limit=limit, query_filter=models.Filter(must=conditions), with_payload=True
            )
            return [_neighbour(point) for point in found.points]

        return await self._call(nearest)

    async def delete(self, collection: str, key: str) -> None:
        def delete() -> None:
            if self._exists(collection):
                self._client.delete(collection, models.PointIdsList(points=[_point(key)]), wait=True)

        await self._call(delete)

    async def ping(self) -> None:
        await self._call(self._client.get_collections)

    async def close(self) -> None:
        await self._call(self._client.close)
        self._thread.shutdown(wait=False)

    def _exists(self, collection: str) -> bool:
        if collection not in self._known and self._client.collection_exists(collection):
            self._known.add(collection)
        return collection in self._known

    def _ensure(self, collection: str, size: int) -> None:
        if not self._exists(collection):
            self._client.create_collection(
                collection, vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE)
            )
            self._known.add(collection)

    async def _call(self, work: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (ApiException, httpx.HTTPError, OSError, RuntimeError) as error:
            raise VectorsUnavailableError from error


def open_vectors(url: str, *, api_key: str | None = None) -> QdrantVectors:
    """Open the index at `file:///folder` or `http(s)://host:6333`. Raises `VectorsUnavailableError` for a folder in use."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return QdrantVectors(_client(url, api_key))
    folder = Path(unquote(parts.path))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return QdrantVectors(QdrantClient(path=str(folder), force_disable_check_same_thread=True))
    except RuntimeError as error:
        raise VectorsUnavailableError(f"The vector folder {folder} is held by another process.") from error


def _client(url: str, api_key: str | None) -> QdrantClient:
    with warnings.catch_warnings():
        # a key over plain HTTP is the operator's choice, within a closed network
        warnings.simplefilter("ignore")
        return QdrantClient(url=url, api_key=api_key, timeout=_SECONDS, check_compatibility=False)


async def stored_vectors(url: str, *, api_key: str | None = None) -> AsyncIterator[StoredVector]:
    """Yield all vectors of an index, also of a folder that another process holds. Raises `VectorsUnavailableError`."""
    parts = urlsplit(url)
    found = _in_folder(Path(unquote(parts.path))) if parts.scheme == "file" else _on_server(url, api_key)
    try:
        while (vector := await asyncio.to_thread(next, found, None)) is not None:
            yield vector
    except (ApiException, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise VectorsUnavailableError from error


def _in_folder(folder: Path) -> Iterator[StoredVector]:
    """Read the files of the folder form, whose lock the running platform holds."""
    if not (folder / META_INFO_FILENAME).exists():
        return
    for collection in sorted(json.loads((folder / META_INFO_FILENAME).read_text())["collections"]):
        stored = CollectionPersistence(str(folder / "collection" / collection), force_disable_check_same_thread=True)
        try:
            for point in stored.load():
                yield _stored(collection, point)
        finally:
            stored.close()


def _on_server(url: str, api_key: str | None) -> Iterator[StoredVector]:
    with closing(_client(url, api_key)) as client:
        for collection in sorted(found.name for found in client.get_collections().collections):
            offset = None
            while True:
                points, offset = client.scroll(collection, limit=_PAGE, offset=offset, with_payload=True, with_vectors=True)
                for point in points:
                    yield _stored(collection, point)
                if offset is None:
                    break


def _stored(collection: str, point: models.PointStruct | models.Record) -> StoredVector:
    payload = point.payload or {}
    return StoredVector(collection, str(payload[_KEY]), cast("Sequence[float]", point.vector), payload[_FACTS])


def _point(key: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, key))


def _neighbour(point: models.ScoredPoint) -> Neighbour:
    payload = point.payload or {}
    return Neighbour(str(payload[_KEY]), float(point.score), payload[_FACTS])
