"""Exports of everything that the platform stores for a user."""

import asyncio
import hashlib
import io
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from structlog.testing import capture_logs
from yarl import URL

from echo_auth.domain.exports import EXPORT_PREFIX
from echo_auth.settings import AuthSettings
from echo_auth.usecases import export_archives
from echo_auth.usecases.erasures import confirm_erasure
from echo_auth.usecases.exports import remove_expired
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.system_settings import EXPORT_MAX_BYTES, EXPORT_MAX_MINUTES
from echo_common.http.client import ServiceClient
from echo_common.storage.port import ObjectNotFoundError
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.integration.auth.test_profiles import upload
from tests.support.database import Database
from tests.support.disks import fill
from tests.support.eventually import eventually
from tests.support.mail_server import MailServer
from tests.support.user_data_service import GatedStorage, UserDataService
from tests.support.visitor import PASSWORD, Visitor
from tests.unit.auth.test_images import png

SOUND = bytes(range(256)) * 3_000
EXPORTS = "/users/me/exports"


@dataclass
class Exporting:
    """A replica of auth, and a service with data of its users."""

    auth: Auth
    notes: UserDataService

    async def user(self, name: str) -> tuple[Visitor, str]:
        """Register a user with an avatar, a note and a recording; return the user and the user's id."""
        visitor = self.auth.visitor()
        assert (await visitor.register(f"{name}@example.com", first_name=name.title())).status == 201
        user_id = (await visitor.me()).data["id"]
        await upload(visitor, png(30, 20))
        await self.notes.add(user_id, f"A note of {name}.", name.encode() + SOUND)
        return visitor, user_id

    async def archives(self) -> list[str]:
        return [key async for key in self.auth.deps.objects.keys(EXPORT_PREFIX)]


async def requested(visitor: Visitor) -> str:
    reply = await visitor.call("POST", "/users/me/export")
    assert reply.status == 202, reply.body
    return str(reply.data["export_id"])


async def ended(visitor: Visitor, export_id: str) -> dict[str, Any]:
    async def done() -> bool:
        return (await visitor.call("GET", f"{EXPORTS}/{export_id}")).data["status"] in {"completed", "failed"}

    await eventually(done, within=30)
    export: dict[str, Any] = (await visitor.call("GET", f"{EXPORTS}/{export_id}")).data
    return export


async def download(visitor: Visitor, path: str, *, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    url = URL(visitor.client.next_replicas()[0] + path, encoded=True)
    sent = {"Authorization": f"Bearer {visitor.access_token}"} if visitor.access_token else {}
    async with visitor.client.session.request(method, url, headers=sent | headers) as response:
        return response.status, response.headers, await response.read()


async def archive_of(visitor: Visitor, export_id: str) -> ZipFile:
    status, _, body = await download(visitor, f"{EXPORTS}/{export_id}/download")
    assert status == 200, body
    return ZipFile(io.BytesIO(body))


def manifest_of(archive: ZipFile) -> dict[str, Any]:
    """Return the manifest, after a check of all checksums."""
    manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    for entry in manifest["files"]:
        content = archive.read(entry["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])
    assert set(archive.namelist()) == {"manifest.json", *(entry["name"] for entry in manifest["files"])}
    return manifest


async def no_token() -> str:
    return ""


StartExporting = Callable[..., AbstractAsyncContextManager[Exporting]]


@pytest.fixture
def exporting(start: Start, tmp_path: Path) -> StartExporting:
    """Function that starts auth and the other service; `serving=False` leaves the other service stopped."""

    @asynccontextmanager
    async def started(on: Database | None = None, *, serving: bool = True, **more: Any) -> AsyncIterator[Exporting]:
        system = more.pop("system_settings", {})
        url = f"unix://{tmp_path}/notes.sock"
        update = {"user_data_services": ("gateway", f"notes={url}"), "system_settings": system}
        settings: AuthSettings = SETTINGS.model_copy(update=update)
        async with AsyncExitStack() as stack:
            auth = await stack.enter_async_context(start(settings, *([] if on is None else [on]), **more))
            notes = UserDataService(url, auth.client.next_replicas()[0], GatedStorage(tmp_path / "notes"))
            notes.auth_url = f"unix://{tmp_path}/auth0.sock"
            if serving:
                await stack.enter_async_context(notes.serving())
            yield Exporting(auth, notes)

    return started


@pytest.fixture
async def platform(exporting: StartExporting) -> AsyncIterator[Exporting]:
    async with exporting() as found:
        yield found


async def test_an_export_holds_everything_of_its_user_alone(exporting: StartExporting, any_database: Database) -> None:
    async with exporting(any_database) as platform:
        (ada, ada_id), (_, eve_id) = await platform.user("ada"), await platform.user("eve")
        key = (await ada.call("POST", "/auth/keys", {"name": "Build", "scopes": ["speech:read"]})).data["key"]
        export = await ended(ada, await requested(ada))
        assert (export["status"], export["progress"], export["error"]) == ("completed", 100, None)

        status, headers, body = await download(ada, f"{EXPORTS}/{export['export_id']}/download")
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

    await upload(ada, png(31, 21))
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


async def test_exports_belong_to_one_user(platform: Exporting) -> None:
    (ada, _), (eve, _) = await platform.user("ada"), await platform.user("eve")
    export_id = (await ended(ada, await requested(ada)))["export_id"]
    path = f"{EXPORTS}/{export_id}"
    for method, target in (("GET", path), ("GET", f"{path}/download"), ("POST", f"{path}/link"), ("DELETE", path)):
        assert (await eve.call(method, target)).code == "EXPORT_NOT_FOUND"
    assert (await eve.call("GET", EXPORTS)).data == []
    assert (await ada.call("GET", path)).status == 200


async def test_api_keys_and_strangers_get_no_archive(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    export_id = (await ended(ada, await requested(ada)))["export_id"]
    deps = platform.auth.deps
    key = deps.signer.access_token(await deps.users.get(ada_id), "key_1", now())
    program, nobody = platform.auth.visitor(access_token=key), platform.auth.visitor()
    for method, path in (
        ("POST", "/users/me/export"),
        ("GET", f"{EXPORTS}/{export_id}/download"),
        ("POST", f"{EXPORTS}/{export_id}/link"),
        ("DELETE", f"{EXPORTS}/{export_id}"),
    ):
        assert (await program.call(method, path)).code == "LOGIN_REQUIRED"
        assert (await nobody.call(method, path)).status == 401
    assert (await program.call("GET", f"{EXPORTS}/{export_id}")).status == 200


async def test_a_signed_link_downloads_the_archive_without_a_token(platform: Exporting) -> None:
    (ada, _), (eve, _) = await platform.user("ada"), await platform.user("eve")
    export_id = (await ended(ada, await requested(ada)))["export_id"]
    other_id = (await ended(eve, await requested(eve)))["export_id"]
    url = (await ada.call("POST", f"{EXPORTS}/{export_id}/link")).data["url"].removeprefix("/api/v1")
    nobody = platform.auth.visitor()
    assert (await download(nobody, url))[0] == 200
    assert (await download(nobody, url, method="HEAD"))[2] == b""
    assert (await download(nobody, url, Range="bytes=0-9"))[0] == 206
    for forged in (url[:-2], url.replace("expires=", "expires=9"), url.replace(export_id, other_id), url + "x"):
        assert (await download(nobody, forged))[0] == 403
    await ada.call("DELETE", f"{EXPORTS}/{export_id}")
    assert (await download(nobody, url))[0] == 403


async def test_downloads_support_ranges_and_conditions(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    export = await ended(ada, await requested(ada))
    path = f"{EXPORTS}/{export['export_id']}/download"
    whole = (await download(ada, path))[2]
    assert (await download(ada, path, Range="bytes=10-"))[2] == whole[10:]
    assert (await download(ada, path, **{"If-None-Match": f'"{export["checksum"]}"'}))[0] == 304
    assert (await download(ada, path, Range=f"bytes={len(whole)}-"))[0] == 416


async def test_an_expired_export_is_removed_with_its_archive(exporting: StartExporting, any_database: Database) -> None:
    async with exporting(any_database) as platform:
        ada, _ = await platform.user("ada")
        export_id = (await ended(ada, await requested(ada)))["export_id"]
        assert await remove_expired(platform.auth.deps, now() + timedelta(days=6)) == 0
        assert await remove_expired(platform.auth.deps, now() + timedelta(days=8)) == 1
        assert (await ada.call("GET", f"{EXPORTS}/{export_id}")).code == "EXPORT_NOT_FOUND"
        assert await platform.archives() == []


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


async def test_a_deleted_account_leaves_no_export(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    await ended(ada, await requested(ada))
    platform.notes.objects.gate.clear()
    await requested(ada)
    assert (await ada.call("DELETE", "/users/me", {"password": PASSWORD})).status == 202
    for service in platform.auth.deps.settings.erasing_services:
        await confirm_erasure(ada_id, service, platform.auth.deps)

    async def gone() -> bool:
        deps = platform.auth.deps
        return await deps.users.find_one({"_id": ada_id}) is None and deps.worker.busy == 0

    await eventually(gone)
    platform.notes.objects.gate.set()
    assert await platform.archives() == []
    assert await platform.auth.deps.exports.count({}) == 0


async def test_the_audit_log_names_requests_downloads_links_and_deletions(platform: Exporting) -> None:
    ada, ada_id = await platform.user("ada")
    path = f"{EXPORTS}/{(await ended(ada, await requested(ada)))['export_id']}"
    await download(ada, f"{path}/download")
    await download(ada, f"{path}/download", method="HEAD")
    await ada.call("POST", f"{path}/link")
    await ada.call("DELETE", path)
    deps = platform.auth.deps
    entries = await deps.audit.find({"target": deps.audit.pseudonym(ada_id)}, sort=[("_id", 1)], skip=0, limit=100)
    actions = [stored.entry.action.value for stored in entries if stored.entry.action.value.startswith("export")]
    assert actions == ["export_requested", "export_downloaded", "export_linked", "export_deleted"]


async def test_every_download_of_bytes_is_in_the_audit_log(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    export = await ended(ada, await requested(ada))
    path = f"{EXPORTS}/{export['export_id']}/download"
    parts = ("bytes=0-9", "bytes=1-", "bytes=-5", "bytes = 0-")
    for part in parts:
        assert (await download(ada, path, Range=part))[0] in {200, 206}, part
    assert (await download(ada, path, method="HEAD"))[0] == 200
    assert (await download(ada, path, **{"If-None-Match": f'"{export["checksum"]}"'}))[0] == 304
    assert (await download(ada, path, Range=f"bytes={export['size']}-"))[0] == 416
    assert await platform.auth.deps.audit.count({"action": AuditAction.EXPORT_DOWNLOADED.value}) == len(parts)


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
        assert (await download(Visitor(client, access_token=token), path))[::2] == (200, b"ada" + SOUND)
        inside = Visitor(client, access_token=ada.access_token)
        assert (await inside.call("GET", "/internal/user-data")).code == "INVALID_TOKEN"
        inside.access_token = None
        assert (await inside.call("GET", "/internal/user-data")).code == "UNAUTHENTICATED"


async def test_a_lost_archive_is_not_found(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    export_id = (await ended(ada, await requested(ada)))["export_id"]
    [key] = await platform.archives()
    await platform.auth.deps.objects.delete(key)
    assert (await ada.call("GET", f"{EXPORTS}/{export_id}/download")).code == "EXPORT_NOT_FOUND"
