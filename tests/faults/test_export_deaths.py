"""A process that dies while it makes the archive of an export, by SIGKILL: the next one makes it."""

import asyncio
from pathlib import Path

import pytest

from echo_auth.domain.exports import EXPORT_PREFIX, Export
from echo_auth.repository import Exports
from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.outbox.relay import Relay
from tests.integration.auth.conftest import SETTINGS, Start, start
from tests.support.database import Database
from tests.support.exports import archive_of, ended, manifest_of
from tests.support.selection import select_params
from tests.support.service_process import run_until_dead
from tests.unit.auth.test_images import png

__all__ = ["start"]

OWN = SETTINGS.model_copy(update={"user_data_services": ()})
ENVIRONMENT = {
    "ECHO_AUTH_SECRET": OWN.secret.get_secret_value(),
    "ECHO_AUTH_USER_DATA_SERVICES": "",
    "ECHO_AUTH_PASSWORD_ROUNDS": "1",
    "ECHO_AUTH_PASSWORD_MEMORY_KIB": "64",
}
EXPORT_POINTS = [
    *("worker.after_claim", "export.after_documents", "export.mid_objects", "export.after_upload", "worker.before_commit")
]


async def queue(database: Database, user_id: str) -> str:
    """Queue an export while no process runs."""
    store, bus = await database.open("auth"), InprocBus(InprocBroker())
    relay = Relay(bus)
    try:
        export = Export.request(user_id)
        await Exports(store, relay).add(export)
        return export.id
    finally:
        await relay.close()
        await bus.close()
        await store.close()


@pytest.mark.parametrize("point", select_params("export.mid_objects", among=EXPORT_POINTS))
async def test_an_export_is_made_after_a_death(start: Start, database: Database, tmp_path: Path, point: str) -> None:
    async with start(OWN) as auth:
        ada = auth.visitor()
        assert (await ada.register("ada@example.com")).status == 201
        await ada.upload_avatar(png(30, 20))
        user_id = (await ada.me()).data["id"]
    export_id = await queue(database, user_id)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="auth", **ENVIRONMENT)

    async with start(OWN, exclusive=True) as auth:
        ada = auth.visitor(access_token=ada.access_token)
        export = await ended(ada, export_id)
        assert (export["status"], export["error"]) == ("completed", None)
        manifest = manifest_of(await archive_of(ada, export_id))
        assert {"profile.json", "sessions.json"} < {entry["name"] for entry in manifest["files"]}
        [key] = [key async for key in auth.deps.objects.keys(EXPORT_PREFIX)]
        assert key.endswith("/2.zip")
