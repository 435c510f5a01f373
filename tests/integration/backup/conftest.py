"""Platforms with data, and an archive of one."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from echo_common.storage.connect import open_storage
from echo_common.store.connect import open_store
from echo_common.vectors.qdrant import open_vectors, stored_vectors
from echo_embedded.backup.archive import Archive
from echo_embedded.backup.create import back_up
from echo_embedded.backup.parts import SERVICES
from echo_embedded.backup.places import Places
from echo_embedded.data_folder import DataFolder, Secrets
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, S3Server

PASSPHRASE = "correct horse battery"
SECRETS = Secrets("admin@example.com", "admin password", "a secret of thirty-two characters")
MOMENT = datetime(2026, 11, 22, 3, tzinfo=UTC)
USERS = [{"_id": f"usr_{number:04d}", "created_at": MOMENT, "hash": b"\0\1", "tags": ["a", 1.5]} for number in range(300)]
AUDIO = {"audio/a.wav": b"RIFF" * 10, "audio/long.wav": bytes(range(256)) * 4096, "avatars/usr_1/x": b""}
VECTORS = [("voices", "vm_1", [0.6, 0.8], {"access": ["usr_1"]})]
DOCUMENTS = len(USERS) + len(VECTORS)


def quiet(step: str, done: int, total: int | None) -> None: ...


@pytest.fixture(params=["one machine", "distributed"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """An empty platform of each form."""
    return one_machine(tmp_path / "source") if request.param == "one machine" else distributed(request, tmp_path)


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """An empty distributed platform."""
    return distributed(request, tmp_path / "target")


def one_machine(folder: Path) -> Places:
    return Places.of_folder(DataFolder(folder))


def distributed(request: pytest.FixtureRequest, folder: Path) -> Places:
    server: S3Server = request.getfixturevalue("s3_server")
    return Places(
        "distributed",
        request.getfixturevalue("embedded_server"),
        server.bucket().url,
        (folder / "qdrant").as_uri(),
        database_prefix=f"t{uuid.uuid4().hex[:12]}_",
        objects_access_key=ACCESS_KEY,
        objects_secret_key=SECRET_KEY,
    )


async def fill(places: Places) -> None:
    store = await open_store(places.database_url, places.database("auth"))
    for start in range(0, len(USERS), 20):
        await asyncio.gather(*(store.collection("users").insert(dict(user)) for user in USERS[start : start + 20]))
    await store.collection("profiles").ensure([])
    await store.close()
    await insert(places, "voice", "voice_models", *({"_id": key, "name": "Ada"} for _, key, _, _ in VECTORS))
    objects = await open_objects(places)
    for key, content in AUDIO.items():
        await objects.put(key, content, "audio/wav")
    await objects.close()
    index = open_vectors(places.vectors_url)
    for collection, key, vector, facts in VECTORS:
        await index.put(collection, key, vector, facts)
    await index.close()


async def insert(places: Places, service: str, name: str, *documents: dict[str, Any]) -> None:
    store = await open_store(places.database_url, places.database(service))
    await asyncio.gather(*map(store.collection(name).insert, documents))
    await store.close()


async def open_objects(places: Places) -> Any:
    return await open_storage(places.objects_url, access_key=places.objects_access_key, secret_key=places.objects_secret_key)


async def content_of(places: Places) -> dict[str, Any]:
    """Return everything in a platform."""
    found: dict[str, Any] = {}
    for service in SERVICES:
        store = await open_store(places.database_url, places.database(service))
        for name in await store.collections():
            documents = [document async for document in store.collection(name).find({}, sort=[("_id", 1)])]
            if documents:
                found[f"{service}.{name}"] = documents
        await store.close()
    objects = await open_objects(places)
    for key in [key async for key in objects.keys("")]:
        body = b"".join([block async for block in objects.read(key)])
        found[key] = (body, (await objects.info(key)).mime)
    await objects.close()
    vectors = [vector async for vector in stored_vectors(places.vectors_url)]
    found["vectors"] = [(vector.collection, vector.key, list(vector.facts)) for vector in vectors]
    return found


@dataclass(frozen=True)
class Backup:
    archive: Archive
    content: dict[str, Any]


@pytest.fixture
async def backup(places: Places, tmp_path: Path) -> Backup:
    await fill(places)
    (tmp_path / "backups").mkdir()
    archive = await back_up(places, SECRETS, PASSPHRASE, tmp_path / "backups" / "echo.tar", quiet)
    return Backup(archive, await content_of(places))
