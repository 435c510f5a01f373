"""A backup of any form is restored into any form; a refused or killed restore changes nothing."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from echo_common.bus.port import Message
from echo_common.outbox.documents import TOMBSTONE
from echo_common.outbox.relay import Relay
from echo_common.outbox.restored import (
    EVENTS,
    MARKS,
    RestoreIncompleteError,
    event_document,
    mark_complete,
    mark_incomplete,
    resume,
)
from echo_common.storage.connect import open_storage
from echo_common.store.connect import open_store
from echo_common.store.port import Store
from echo_common.vectors.qdrant import open_vectors, stored_vectors
from echo_embedded.backup.archive import Archive, ArchiveError, open_contents
from echo_embedded.backup.create import back_up
from echo_embedded.backup.parts import SERVICES
from echo_embedded.backup.places import Places
from echo_embedded.backup.restore import RESTORED_ERASURES, restore, restore_folder
from echo_embedded.backup.verification import verify
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from tests.support.database import Database
from tests.support.eventually import eventually
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


async def test_a_backup_holds_everything_and_its_counts(backup: Backup, places: Places) -> None:
    report = backup.archive.describe()

    assert (report["documents"], report["objects"], report["vectors"], report["secrets"]) == (DOCUMENTS, 3, 1, True)
    assert report["form"] == places.form
    assert (report["warnings"] == []) is (places.form == "embedded")
    assert [path.name for path in backup.archive.path.parent.iterdir()] == ["echo.tar"]
    assert backup.archive.path.stat().st_mode & 0o077 == 0


async def test_a_backup_is_restored_on_one_machine(backup: Backup, tmp_path: Path) -> None:
    data = tmp_path / "restored"

    await restore_folder(backup.archive, data, SECRETS, {}, quiet)

    folder = DataFolder(data)
    assert await content_of(Places.of_folder(folder)) == backup.content
    assert folder.known_secrets() == SECRETS
    assert not (tmp_path / ".restored.restoring").exists()


async def test_a_backup_is_restored_into_a_distributed_platform(backup: Backup, target: Places) -> None:
    await restore(backup.archive, target, {"0" * 32: MOMENT}, quiet)

    found = await content_of(target)
    assert found.pop(f"auth.{RESTORED_ERASURES}") == [{"_id": "0" * 32, "requested_at": MOMENT}]
    assert found == backup.content
    with pytest.raises(CannotStartError, match="not empty: its database auth"):
        await restore(backup.archive, target, {}, quiet)


async def test_a_damaged_archive_changes_nothing(backup: Backup, tmp_path: Path) -> None:
    content = bytearray(backup.archive.path.read_bytes())
    content[content.index(b"RIFF")] ^= 1
    backup.archive.path.write_bytes(content)

    with pytest.raises(ArchiveError, match=r"objects/audio/a\.wav differs"):
        verify(backup.archive.path, lambda: PASSPHRASE, quiet)
    assert not (tmp_path / "restored").exists()


class _InterruptedError(Exception):
    """The end of a process."""


@pytest.mark.parametrize("completed", [None, 0, 1, len(SERVICES) - 1])
async def test_an_interrupted_restore_prevents_a_start_and_is_repeated(
    backup: Backup, target: Places, monkeypatch: pytest.MonkeyPatch, completed: int | None
) -> None:
    marks = iter(range(completed or 0))

    def while_writing(step: str, done: int, total: int | None) -> None:
        if completed is None and done > 0:
            raise _InterruptedError

    async def between_marks(store: Store) -> None:
        if next(marks, None) is None:
            raise _InterruptedError
        await mark_complete(store)

    with monkeypatch.context() as patched:
        patched.setattr("echo_embedded.backup.restore.mark_complete", between_marks)
        with pytest.raises(_InterruptedError):
            await restore(backup.archive, target, {}, while_writing)
    objects, index = await open_objects(target), open_vectors(target.vectors_url)
    await objects.put("audio/of-another-archive.wav", b"RIFF", "audio/wav")
    await index.put("voices", "vm_of_another_archive", [0.8, 0.6], {})
    await objects.close()
    await index.close()
    store = await open_store(target.database_url, target.database("auth"))
    with pytest.raises(RestoreIncompleteError):
        await resume(store, Relay(_Published()))  # type: ignore[arg-type]
    await restore(backup.archive, target, {}, quiet)

    assert await content_of(target) == backup.content
    await resume(store, Relay(_Published()))  # type: ignore[arg-type]
    await store.close()


async def test_a_platform_that_has_only_vectors_is_not_empty(backup: Backup, target: Places) -> None:
    index = open_vectors(target.vectors_url)
    await index.put("voices", "vm_2", [0.6, 0.8], {})
    await index.close()

    with pytest.raises(CannotStartError, match="its vector index has vectors"):
        await restore(backup.archive, target, {}, quiet)


async def test_a_platform_whose_restore_was_interrupted_is_not_backed_up(places: Places, tmp_path: Path) -> None:
    await fill(places)
    store = await open_store(places.database_url, places.database("feedback"))
    await mark_incomplete(store)
    with pytest.raises(CannotStartError, match="repeat `echoctl restore`"):
        await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    assert not [path for path in os.listdir(tmp_path) if "echo.tar" in path]  # noqa: PTH208

    await mark_complete(store)
    await store.close()
    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    with open_contents(archive) as found:
        assert MARKS not in [part.collection for part, _ in found]


async def test_archives_of_exports_are_left_out(places: Places, tmp_path: Path) -> None:
    await fill(places)
    objects = await open_objects(places)
    await objects.put("exports/usr_1/exp_1/data.zip", b"PK", "application/zip")
    await objects.close()

    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)

    with open_contents(archive) as found:
        assert sorted(part.key for part, _ in found if part.kind == "object") == sorted(AUDIO)


async def test_exports_without_their_archive_are_not_restored(places: Places, tmp_path: Path) -> None:
    await fill(places)
    archive = {"key": "exports/usr_1/exp_1/data.zip", "size": 2}
    completed, pending = {"_id": "exp_1", "status": "completed", "archive": archive}, {"_id": "exp_2", "status": "pending"}
    await insert(places, "auth", "exports", completed, pending)

    backup = await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    await restore_folder(backup, tmp_path / "restored", SECRETS, {}, quiet)

    assert (await content_of(one_machine(tmp_path / "restored")))["auth.exports"] == [pending]


async def test_vectors_without_their_sample_or_voice_model_are_not_restored(places: Places, tmp_path: Path) -> None:
    await fill(places)
    await insert(places, "voice", "samples", {"_id": "smp_1"}, {"_id": "smp_erased", TOMBSTONE: True})
    index = open_vectors(places.vectors_url)
    for collection, key in (("samples", "smp_1"), ("samples", "smp_erased"), ("samples", "smp_2"), ("voices", "vm_2")):
        await index.put(collection, key, [0.6, 0.8], {})
    await index.close()

    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    await restore_folder(archive, tmp_path / "restored", SECRETS, {}, quiet)

    restored = await content_of(one_machine(tmp_path / "restored"))
    assert sorted(key for _, key, _ in restored["vectors"]) == ["smp_1", "vm_1"]


MESSAGE = Message("evt_1", "voice.voice_selected", 1, b'{"a": 1}', headers={"k": "v"})


class _Repeated:
    """A recorder of an event that its outbox has published twice."""

    async def settle(self, timeout: float) -> bool:
        return True

    async def recorded(self) -> AsyncIterator[Message]:
        for _ in range(2):
            yield MESSAGE


async def test_repeated_events_and_those_of_an_earlier_restore_are_restored_once(
    places: Places, target: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(places)
    store = await open_store(places.database_url, places.database("voice"))
    await store.collection(EVENTS).insert(event_document(MESSAGE))
    await store.close()
    auth = await open_store(places.database_url, places.database("auth"))
    await auth.collection(RESTORED_ERASURES).insert({"_id": "0" * 32, "requested_at": MOMENT})
    await auth.close()
    monkeypatch.setattr("echo_embedded.backup.create.recorded_events", lambda *_: nullcontext(_Repeated()))
    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    await restore(archive, target, {"0" * 32: MOMENT}, quiet)
    await restore_folder(archive, tmp_path / "restored", SECRETS, {"0" * 32: MOMENT}, quiet)

    assert archive.describe()["events"] == 1
    for restored in (target, one_machine(tmp_path / "restored")):
        content = await content_of(restored)
        assert [event["_id"] for event in content[f"voice.{EVENTS}"]] == [MESSAGE.id]
        assert content[f"auth.{RESTORED_ERASURES}"] == [{"_id": "0" * 32, "requested_at": MOMENT}]


async def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "secrets.json").write_text("{}")
    places = one_machine(tmp_path / "source")
    await fill(places)
    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)

    with pytest.raises(CannotStartError, match="not empty"):
        await restore_folder(archive, data, SECRETS, {}, quiet)
    assert [path.name for path in data.iterdir()] == ["secrets.json"]


async def test_an_archive_without_secrets_needs_no_passphrase(tmp_path: Path) -> None:
    places = one_machine(tmp_path / "source")
    await fill(places)
    await back_up(places, None, None, tmp_path / "echo.tar", quiet)

    assert verify(tmp_path / "echo.tar", lambda: "", quiet).secrets is None


async def test_objects_written_during_the_backup_are_in_it_if_the_databases_refer_to_them(tmp_path: Path) -> None:
    places = one_machine(tmp_path / "source")
    await fill(places)
    stop, begun = asyncio.Event(), asyncio.Event()

    async def write_in_order() -> None:
        store, objects = await open_store(places.database_url, "synthesis"), await open_objects(places)
        number = 0
        while not stop.is_set():
            number += 1
            await objects.put(f"audio/new{number:06d}.wav", b"RIFF", "audio/wav")
            await store.collection("audio").insert({"_id": f"audio/new{number:06d}.wav"})
            begun.set()
        await store.close()

    writing = asyncio.create_task(write_in_order())
    try:
        await begun.wait()
        archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)
    finally:
        stop.set()
        await writing
    await restore_folder(archive, tmp_path / "restored", SECRETS, {}, quiet)

    found = await content_of(one_machine(tmp_path / "restored"))
    referred = [document["_id"] for document in found["synthesis.audio"]]
    assert referred
    assert set(referred) <= found.keys()


class _Published:
    """A bus that records messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: list[Message]) -> None:
        self.messages += messages

    async def consume(self, consumer: object) -> None: ...
    async def ping(self) -> None: ...
    async def close(self) -> None: ...


async def test_events_of_a_backup_are_published_once_at_the_start(database: Database) -> None:
    store, bus = await database.open("voice"), _Published()
    message = Message("evt_1", "voice.voice_selected", 1, b'{"a": 1}', headers={"k": "v"})
    await store.collection(EVENTS).insert(event_document(message))
    relay = Relay(bus)  # type: ignore[arg-type]
    await resume(store, relay)
    await relay.start()

    async def gone() -> bool:
        return await store.collection(EVENTS).count({}) == 0

    await eventually(gone)
    await relay.close()
    assert bus.messages == [message]
    await store.close()
