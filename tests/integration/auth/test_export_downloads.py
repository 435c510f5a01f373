"""Downloads of exports: owners, links, ranges, expiry, erasure and the audit log."""

from datetime import timedelta

from echo_auth.usecases.erasures import confirm_erasure
from echo_auth.usecases.exports import remove_expired
from echo_common.clock import now
from echo_common.contracts.http.audit import AuditAction
from tests.integration.auth.conftest import Exporting, StartExporting
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.exports import EXPORTS, ended, requested
from tests.support.visitor import PASSWORD


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
    assert (await nobody.download(url))[0] == 200
    assert (await nobody.download(url, method="HEAD"))[2] == b""
    assert (await nobody.download(url, Range="bytes=0-9"))[0] == 206
    for forged in (url[:-2], url.replace("expires=", "expires=9"), url.replace(export_id, other_id), url + "x"):
        assert (await nobody.download(forged))[0] == 403
    await ada.call("DELETE", f"{EXPORTS}/{export_id}")
    assert (await nobody.download(url))[0] == 403


async def test_downloads_support_ranges_and_conditions(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    export = await ended(ada, await requested(ada))
    path = f"{EXPORTS}/{export['export_id']}/download"
    whole = (await ada.download(path))[2]
    assert (await ada.download(path, Range="bytes=10-"))[2] == whole[10:]
    assert (await ada.download(path, **{"If-None-Match": f'"{export["checksum"]}"'}))[0] == 304
    assert (await ada.download(path, Range=f"bytes={len(whole)}-"))[0] == 416


async def test_an_expired_export_is_removed_with_its_archive(exporting: StartExporting, any_database: Database) -> None:
    async with exporting(any_database) as platform:
        ada, _ = await platform.user("ada")
        export_id = (await ended(ada, await requested(ada)))["export_id"]
        assert await remove_expired(platform.auth.deps, now() + timedelta(days=6)) == 0
        assert await remove_expired(platform.auth.deps, now() + timedelta(days=8)) == 1
        assert (await ada.call("GET", f"{EXPORTS}/{export_id}")).code == "EXPORT_NOT_FOUND"
        assert await platform.archives() == []


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
    await ada.download(f"{path}/download")
    await ada.download(f"{path}/download", method="HEAD")
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
        assert (await ada.download(path, Range=part))[0] in {200, 206}, part
    assert (await ada.download(path, method="HEAD"))[0] == 200
    assert (await ada.download(path, **{"If-None-Match": f'"{export["checksum"]}"'}))[0] == 304
    assert (await ada.download(path, Range=f"bytes={export['size']}-"))[0] == 416
    assert await platform.auth.deps.audit.count({"action": AuditAction.EXPORT_DOWNLOADED.value}) == len(parts)


async def test_a_lost_archive_is_not_found(platform: Exporting) -> None:
    ada, _ = await platform.user("ada")
    export_id = (await ended(ada, await requested(ada)))["export_id"]
    [key] = await platform.archives()
    await platform.auth.deps.objects.delete(key)
    assert (await ada.call("GET", f"{EXPORTS}/{export_id}/download")).code == "EXPORT_NOT_FOUND"
