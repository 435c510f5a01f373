"""Auth on a database that was backed up while it ran, and restored into another form."""

from dataclasses import replace
from pathlib import Path

from echo_embedded.backup.create import back_up
from echo_embedded.backup.places import Places
from echo_embedded.backup.restore import restore
from echo_embedded.data_folder import Secrets
from tests.integration.auth.conftest import SETTINGS, Start
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.support.database import Database

SECRETS = Secrets("admin@example.com", "admin password", SETTINGS.secret.get_secret_value())


def quiet(step: str, done: int, total: int | None) -> None: ...


async def test_users_log_in_and_sessions_continue_in_another_database(
    start: Start, database: Database, embedded_server: str, tmp_path: Path
) -> None:
    source = Places("embedded", database.url, f"file://{tmp_path}/objects", f"file://{tmp_path}/vectors")
    target = replace(
        source,
        form="distributed",
        database_url=embedded_server,
        database_prefix=f"{tmp_path.name[-12:].lower().replace('-', '_')}_",
        objects_url=f"file://{tmp_path}/restored",
    )
    async with start(SETTINGS) as auth:
        ada = await registered(auth)
        archive = await back_up(source, SECRETS, "correct horse battery", tmp_path / "echo.tar", quiet)
        assert (await ada.refresh()).status == 200
    await restore(archive, target, {}, quiet)

    async with start(SETTINGS, Database(target.database_url, target.database_prefix)) as auth:
        admin = await administrator(auth)
        assert (await auth.visitor().log_in("ada@example.com")).status == 200
        assert (await admin.call("GET", "/admin/audit/verification")).data["intact"]
        assert (await auth.visitor().register("ada@example.com")).status == 409
