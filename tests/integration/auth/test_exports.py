"""Exports of everything that the platform stores for a user."""

import asyncio
import hashlib
import io
import json
import os
from pathlib import Path
from zipfile import ZipFile

import pytest
from structlog.testing import capture_logs

from echo_auth.usecases import export_archives
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.system_settings import EXPORT_MAX_BYTES, EXPORT_MAX_MINUTES
from echo_common.http.client import ServiceClient
from echo_common.storage.port import ObjectNotFoundError
from tests.integration.auth.conftest import SETTINGS, Exporting, Start, StartExporting
from tests.support.database import Database
from tests.support.disks import fill
from tests.support.eventually import eventually
from tests.support.exports import EXPORTS, SOUND, archive_of, ended, manifest_of, requested
from tests.support.mail_server import MailServer
from tests.support.visitor import Visitor
from tests.unit.auth.test_images import png


async def no_token() -> str:
    return ""


async def test_an_export_holds_everything_of_its_user_alone(exporting: StartExporting, any_database: Database) -> None:
    async with exporting(any_database) as platform:
        (ada, ada_id), (_, eve_id) = await platform.user("ada"), await platform.user("eve")
        key = (await ada.call("POST", "/auth/keys", {"name": "Build", "scopes": ["speech:read"]})).data["key"]
        export = await ended(ada, await requested(ada))
        assert (export["status"], export["progress"], export["error"]) == ("completed", 100, None)

        status, headers, body = await ada.download(f"{EXPORTS}/{export['export_id']}/download")
        assert (status, headers["Content-Type"], len(body)) == (200, "application/zip", export["size"])
        assert headers["ETag"] == f'"{export["checksum"]}"' == f'"{hashlib.sha256(body).hexdigest()}"'
        assert headers["Content-Disposition"].startswith('attachment; filename="echo-export-')
        assert headers["Cache-Control"] == "private, no-store"

        archive = ZipFile(io.BytesIO(body))
        manifest = manifest_of(archive)
        assert (manifest["user_id"], manifest["services"], manifest["missing"]) == (ada_id, ["auth", "notes"], [])
        assert len(manifest["files"]) == export["files"]
        assert json.loads(archive.read("profile.json"))[0]["email"] == "ada@example.com"
        assert json.loads(archive.read("notes.json")) == [{"text": "A note of ada."}]
        assert archive.read(f"recordings/{ada_id}-0.wav") == b"ada" + SOUND
        assert [archive.read(name) for name in archive.namelist() if name.startswith("avatar/")] == [png(30, 20)]
        assert "export_requested" in {entry["action"] for entry in json.loads(archive.read("actions.json"))}

        everything = b"".join(archive.read(name) for name in archive.namelist())
        stored = await platform.auth.deps.users.get(ada_id)
        [session] = [found async for found in platform.auth.deps.sessions.find({"user_id": ada_id})]
        secrets = [
            stored.password_hash,
            session.refresh_hash,
            session.family_hash,
            key,
            hashlib.sha256(key.encode()).hexdigest(),
        ]
        for text in (eve_id, "eve@example.com", "A note of eve.", *secrets):
            assert str(text).encode() not in everything


async def test_a_second_request_returns_the_unfinished_export(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    platform.notes.objects.gate.clear()
    assert len(set(await asyncio.gather(*(requested(ada) for _ in range(5))))) == 1

    platform.notes.objects.gate.set()
    first = await ended(ada, await requested(ada))
    assert await requested(ada) != first["export_id"]


async def test_the_latest_archive_is_kept(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    first = await ended(ada, await requested(ada))
    [recording] = platform.notes.recordings[ada_id]
    await platform.notes.objects.put(recording.key, b"Ada" + SOUND, recording.mime)
    for _ in range(2):
        failed = await ended(ada, await requested(ada))
        listed = (await ada.call("GET", EXPORTS)).data
        assert [export["export_id"] for export in listed] == [failed["export_id"], first["export_id"]]
    assert len(await platform.archives()) == 1

    platform.notes.recordings[ada_id].clear()
    last = await ended(ada, await requested(ada))

    async def alone() -> bool:
        return [export["export_id"] for export in (await ada.call("GET", EXPORTS)).data] == [last["export_id"]]

    await eventually(alone)
    assert len(await platform.archives()) == 1


async def test_a_deleted_export_ends_while_it_is_made(exporting: StartExporting, any_database: Database) -> None:
    async with exporting(any_database) as platform:
        ada, _ = await platform.user("ada")
        platform.notes.objects.gate.clear()
        export_id = await requested(ada)

        async def running() -> bool:
            return bool((await ada.call("GET", f"{EXPORTS}/{export_id}")).data["status"] == "processing")

        await eventually(running)
        assert (await ada.call("GET", f"{EXPORTS}/{export_id}/download")).code == "EXPORT_STATE_CONFLICT"
        assert (await ada.call("DELETE", f"{EXPORTS}/{export_id}")).status == 200
        assert (await ada.call("GET", f"{EXPORTS}/{export_id}")).code == "EXPORT_NOT_FOUND"

        async def stopped() -> bool:
            return platform.auth.deps.worker.busy == 0

        await eventually(stopped)
        platform.notes.objects.gate.set()
        assert (await ended(ada, await requested(ada)))["status"] == "completed"
        assert len(await platform.archives()) == 1


async def test_a_damaged_object_fails_the_export_and_is_named(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    [recording] = platform.notes.recordings[ada_id]
    for damaged in (b"Ada" + SOUND, SOUND[:-10], SOUND + SOUND):
        await platform.notes.objects.put(recording.key, damaged, recording.mime)
        export = await ended(ada, await requested(ada))
        assert (export["status"], export["error_code"]) == ("failed", "EXPORT_OBJECT_DAMAGED")
        assert f"{recording.key}.wav is damaged" in export["error"]
        assert export["expires_at"] is not None
    assert await platform.archives() == []

    platform.notes.recordings[ada_id].clear()
    assert (await ended(ada, await requested(ada)))["status"] == "completed"


async def test_an_object_deleted_meanwhile_is_listed_as_missing(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    await platform.notes.objects.delete(platform.notes.recordings[ada_id][0].key)
    export = await ended(ada, await requested(ada))
    assert (export["status"], export["missing"]) == ("completed", 1)
    manifest = manifest_of(await archive_of(ada, export["export_id"]))
    assert manifest["missing"] == [f"recordings/{ada_id}-0.wav"]


async def test_an_object_replaced_meanwhile_is_listed_as_missing(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    await platform.notes.add(ada_id, "Another note.", b"another" + SOUND)
    platform.notes.objects.gate.clear()
    export_id = await requested(ada)

    async def copying() -> bool:
        return (await platform.auth.deps.exports.get(export_id)).bytes_done > 0

    await eventually(copying)
    replaced = platform.notes.recordings[ada_id][1]
    platform.notes.recordings[ada_id][1] = await platform.notes.objects.put(replaced.key, b"new" + SOUND, replaced.mime)
    platform.notes.objects.gate.set()

    export = await ended(ada, export_id)
    assert (export["status"], export["missing"]) == ("completed", 1)
    manifest = manifest_of(await archive_of(ada, export_id))
    assert manifest["missing"] == [f"recordings/{ada_id}-1.wav"]


async def test_a_replaced_avatar_is_not_found(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    own = platform.auth.deps.export_sources["auth"]
    [avatar] = [item async for item in own.export(ada_id, no_token) if isinstance(item, ExportedObject)]
    assert b"".join([block async for block in own.read(avatar, ada_id, no_token)]) == png(30, 20)

    await ada.upload_avatar(png(31, 21))
    with pytest.raises(ObjectNotFoundError):
        await anext(own.read(avatar, ada_id, no_token))


async def test_an_export_names_no_network_of_others(platform: Exporting) -> None:
    (_, ada_id), (_, eve_id) = await platform.user("ada"), await platform.user("eve")
    audit, own = platform.auth.deps.audit, platform.auth.deps.export_sources["auth"]
    await audit.record(AuditAction.USER_CHANGED, actor=eve_id, target=ada_id, address="192.0.2.1")
    await audit.record(AuditAction.USER_CHANGED, actor=ada_id, target=eve_id, address="198.51.100.1")
    await audit.record(AuditAction.LOGIN_REFUSED, target=ada_id, address="203.0.113.1")

    items = [item async for item in own.export(ada_id, no_token) if isinstance(item, ExportedDocument)]
    actions = [item.fields for item in items if item.collection == "actions"][-3:]
    assert [action["network"] for action in actions] == [None, "198.51.100.0/24", "203.0.113.0/24"]


async def test_services_without_an_address_are_named(start: Start) -> None:
    with capture_logs() as logs:
        async with start(SETTINGS.model_copy(update={"user_data_services": ("gateway", "voice")})) as auth:
            ada = auth.visitor()
            assert (await ada.register("ada@example.com")).status == 201
            export = await ended(ada, await requested(ada))
            assert (export["services"], export["omitted_services"]) == (["auth"], ["voice"])
            manifest = manifest_of(await archive_of(ada, export["export_id"]))
            assert (manifest["services"], manifest["omitted_services"]) == (["auth"], ["voice"])
    assert [line["services"] for line in logs if line["event"] == "export_services_omitted"] == [["voice"]]


async def test_data_over_the_limit_fails_the_export(exporting: StartExporting) -> None:
    async with exporting(system_settings={EXPORT_MAX_BYTES.key: 10_000}) as platform:
        ada, _ = await platform.user("ada")

        async def in_force() -> bool:
            return platform.auth.deps.live_settings.get(EXPORT_MAX_BYTES) == 10_000

        await eventually(in_force)
        export = await ended(ada, await requested(ada))
        assert (export["error_code"], "10000 bytes" in export["error"]) == ("EXPORT_TOO_LARGE", True)


async def test_an_export_that_takes_too_long_fails(exporting: StartExporting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_archives, "_MINUTE_SECONDS", 0.25)
    async with exporting(system_settings={EXPORT_MAX_MINUTES.key: 2}) as platform:
        ada, _ = await platform.user("ada")
        await eventually(lambda: platform.auth.deps.live_settings.get(EXPORT_MAX_MINUTES) == 2)
        platform.notes.objects.gate.clear()
        export = await ended(ada, await requested(ada))
        assert (export["status"], export["error_code"]) == ("failed", "EXPORT_TIMEOUT")
        assert "export.max_minutes" in export["error"]
        assert await platform.archives() == []

        platform.notes.objects.gate.set()
        monkeypatch.undo()
        assert (await ended(ada, await requested(ada)))["status"] == "completed"


async def test_an_export_waits_for_a_service_that_is_not_reachable(exporting: StartExporting) -> None:
    async with exporting(serving=False) as platform:
        ada, _ = await platform.user("ada")
        export_id = await requested(ada)

        async def deferred() -> bool:
            return (await platform.auth.deps.exports.get(export_id)).attempt >= 2

        await eventually(deferred, within=30)
        async with platform.notes.serving():
            assert (await ended(ada, export_id))["status"] == "completed"


async def test_a_full_disk_fails_the_export(exporting: StartExporting, small_disk: Path) -> None:
    async with exporting(scratch=small_disk / "scratch") as platform:
        ada, _ = await platform.user("ada")
        filler = fill(small_disk)
        export = await ended(ada, await requested(ada))
        assert (export["status"], export["error_code"]) == ("failed", "EXPORT_DISK_FULL")

        filler.unlink()
        assert (await ended(ada, await requested(ada)))["status"] == "completed"


async def test_an_export_needs_its_size_twice(exporting: StartExporting, small_disk: Path) -> None:
    async with exporting(scratch=small_disk / "scratch") as platform:
        ada, _ = await platform.user("ada")
        filler = fill(small_disk)
        os.truncate(filler, filler.stat().st_size - 3 * len(SOUND) // 2)
        assert (await ended(ada, await requested(ada)))["error_code"] == "EXPORT_DISK_FULL"


async def test_a_mail_tells_that_the_export_is_ready(start: Start, mails: MailServer) -> None:
    settings = SETTINGS.model_copy(update={"user_data_services": ()})
    async with start(settings, mail=mails.settings) as auth:
        ada = auth.visitor()
        await ada.register("ada@example.com", preferred_language="de")
        await ended(ada, await requested(ada))

        async def sent() -> bool:
            return await auth.deps.mails.count({"kind": "export_ready", "status": "sent"}) == 1

        await eventually(sent)
        assert "Export" in str((await mails.received("ada@example.com"))["Subject"])


async def test_export_tokens_read_user_data_and_nothing_else(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    deps, notes = platform.auth.deps, platform.notes
    token = deps.signer.export_token(await deps.users.get(ada_id), "exp_1", now())
    assert (await platform.auth.visitor(access_token=token).me()).code == "INVALID_TOKEN"

    async with ServiceClient.open("notes", notes.url) as client:
        [recording] = notes.recordings[ada_id]
        path = f"/internal/user-data/objects/{recording.key}?checksum={recording.checksum}"
        assert (await Visitor(client, access_token=token).download(path))[::2] == (200, b"ada" + SOUND)
        inside = Visitor(client, access_token=ada.access_token)
        assert (await inside.call("GET", "/internal/user-data")).code == "INVALID_TOKEN"
        inside.access_token = None
        assert (await inside.call("GET", "/internal/user-data")).code == "UNAUTHENTICATED"
