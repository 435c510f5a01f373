"""A backup of any form is restored into any form; a refused or killed restore changes nothing."""

import asyncio
import os
from pathlib import Path

import pytest

from echo_common.outbox.restored import (
    MARKS,
    mark_complete,
    mark_incomplete,
)
from echo_common.store.connect import open_store
from echo_embedded.backup.archive import open_contents
from echo_embedded.backup.create import back_up
from echo_embedded.backup.places import Places
from echo_embedded.backup.restore import restore_folder
from echo_embedded.backup.verification import verify
from echo_embedded.data_folder import CannotStartError
from tests.integration.backup.conftest import (
    AUDIO,
    DOCUMENTS,
    SECRETS,
    Backup,
    content_of,
    fill,
    one_machine,
    open_objects,
    quiet,
)


async def test_a_backup_holds_everything_and_its_counts(backup: Backup, places: Places) -> None:
    report = backup.archive.describe()

    assert (report["documents"], report["objects"], report["vectors"], report["secrets"]) == (DOCUMENTS, 3, 1, True)
    assert report["form"] == places.form
    assert (report["warnings"] == []) is (places.form == "embedded")
    assert [path.name for path in backup.archive.path.parent.iterdir()] == ["echo.tar"]
    assert backup.archive.path.stat().st_mode & 0o077 == 0


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
