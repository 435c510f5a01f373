"""Restores into empty platforms, and refused and interrupted ones."""

import os
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from echo_common.bus.port import Message
from echo_common.outbox.documents import TOMBSTONE
from echo_common.outbox.relay import Relay
from echo_common.outbox.restored import (
    EVENTS,
    RestoreIncompleteError,
    event_document,
    mark_complete,
    resume,
)
from echo_common.store.connect import open_store
from echo_common.store.port import Store
from echo_common.vectors.qdrant import open_vectors
from echo_embedded.backup.archive import ArchiveError
from echo_embedded.backup.create import back_up
from echo_embedded.backup.parts import SERVICES
from echo_embedded.backup.places import Places
from echo_embedded.backup.restore import RESTORED_ERASURES, restore, restore_folder
from echo_embedded.backup.run import _restore as restore_archived
from echo_embedded.backup.verification import verify
from echo_embedded.data_folder import CannotStartError, DataFolder
from echo_embedded.settings import BackupSettings
from tests.integration.backup.conftest import (
    MOMENT,
    PASSPHRASE,
    SECRETS,
    Backup,
    content_of,
    fill,
    insert,
    one_machine,
    open_objects,
    quiet,
)
from tests.support.database import Database
from tests.support.eventually import eventually


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


async def test_webhooks_are_not_restored_without_the_secret_that_encrypts_theirs(places: Places, tmp_path: Path) -> None:
    """An archive of a configuration without ECHO_BACKUP_FEEDBACK_SECRET."""
    await insert(places, "feedback", "webhooks", {"_id": "whk_1", "user_id": "usr_1", "secret": b"encrypted"})
    archive = await back_up(places, SECRETS, PASSPHRASE, tmp_path / "echo.tar", quiet)
    folder = tmp_path / "restored"
    assert SECRETS.feedback_secret == ""
    with pytest.raises(CannotStartError, match="set ECHO_BACKUP_AUTH_SECRET and ECHO_BACKUP_FEEDBACK_SECRET"):
        await restore_archived(archive, BackupSettings(), folder, {}, quiet)
    assert not folder.exists()

    given = BackupSettings(auth_secret=SecretStr(SECRETS.auth_secret), feedback_secret=SecretStr("another secret"))
    await restore_archived(archive, given, folder, {}, quiet)
    assert DataFolder(folder).known_secrets() == replace(SECRETS, feedback_secret="another secret")


async def test_an_archive_without_webhooks_needs_no_secret_of_them(backup: Backup, tmp_path: Path) -> None:
    await restore_archived(backup.archive, BackupSettings(), tmp_path / "restored", {}, quiet)
    assert DataFolder(tmp_path / "restored").known_secrets() == SECRETS


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


async def test_a_folder_that_is_a_mount_point_is_refused(tmp_path: Path, small_disk: Path) -> None:
    places = one_machine(tmp_path / "source")
    await fill(places)
    archive = await back_up(places, None, None, tmp_path / "echo.tar", quiet)

    with pytest.raises(CannotStartError, match="mount point: choose a folder inside it"):
        await restore_folder(archive, small_disk, SECRETS, {}, quiet)
    assert os.listdir(small_disk) == []  # noqa: PTH208 - an async function


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
