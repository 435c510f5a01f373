"""Checks of the data folder: the health of the running platform, or the database files."""

from collections.abc import Mapping
from typing import Any

from echo_common.http.client import ServiceClient
from echo_common.store.connect import open_store
from echo_embedded.data_folder import CannotStartError, DataFolder, Running
from echo_embedded.doctor.report import Finding

_PROBE = "doctor"


async def check_database(folder: DataFolder) -> Finding:
    """Check the health of the platform on the folder; if none runs, open every database file, write and read."""
    if (running := folder.running()) is not None:
        return await _running_platform(running)
    if not folder.path.exists():
        return Finding("skip", f"There is no data folder {folder.path} yet; the first start creates it.")
    try:
        with folder.lock():
            return await _stopped_database(folder)
    except CannotStartError as error:
        return Finding("fail", str(error))


async def _running_platform(running: Running) -> Finding:
    async with ServiceClient.open("gateway", running.internal) as client:
        return judge_health(await client.request("GET", "/health"))


def judge_health(health: Mapping[str, Any]) -> Finding:
    """Judge the health that the gateway reports for all services."""
    down = [
        f"{service} {name}: {part.get('reason')}"
        for service, found in health.get("services", {}).items()
        for name, part in found.get("parts", {}).items()
        if part.get("status") != "ok"
    ]
    if down or health.get("status") != "ok":
        reasons = "; ".join(down) or f"status {health.get('status')}"
        return Finding("fail", f"The running platform is not healthy ({reasons}). See `echoctl status` and its log.")
    return Finding("ok", "the running platform reads and writes")


async def _stopped_database(folder: DataFolder) -> Finding:
    names = sorted(file.stem for file in folder.database.glob("*.sqlite3"))
    for name in [*names, _PROBE]:
        store = await open_store(folder.database_url, name)
        try:
            await store.ping()
            if name == _PROBE:
                probe = store.collection("probe")
                await probe.ensure(())
                await probe.upsert({"_id": "probe"}, {"$set": {"written": True}})
                if await probe.find_one({"_id": "probe"}) is None:
                    return Finding("fail", f"Data written to {folder.database} cannot be read back. Check the disk.")
        finally:
            await store.close()
    for file in folder.database.glob(f"{_PROBE}.sqlite3*"):
        file.unlink()
    return Finding("ok", f"{len(names)} files in {folder.database} open; writing and reading works", {"files": names})
