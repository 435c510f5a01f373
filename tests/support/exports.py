"""Exports as their users see them."""

import hashlib
import io
import json
from typing import Any
from zipfile import ZipFile

from tests.support.eventually import eventually
from tests.support.visitor import Visitor

EXPORTS = "/users/me/exports"
SOUND = bytes(range(256)) * 3_000


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


async def archive_of(visitor: Visitor, export_id: str) -> ZipFile:
    status, _, body = await visitor.download(f"{EXPORTS}/{export_id}/download")
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
