"""Backup of a running platform under load, and its restore into an empty one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from echo_embedded.cli import app
from tests.support.eventually import eventually
from tests.support.owned_data import OwnedData
from tests.support.person import PASSWORD, Person, data, refusal
from tests.support.platform import QUICK, TONE, Platform, require_form, started
from tests.support.provider import Provider
from tests.support.requirements import Require

PASSPHRASE = "correct horse battery staple"
ENVIRONMENT = {**QUICK, **TONE, "COLUMNS": "120", "ECHO_BACKUP_PASSPHRASE": PASSPHRASE}


@dataclass(frozen=True)
class Told:
    """The end of a command."""

    returncode: int
    stdout: str
    stderr: str


def echoctl(*arguments: str, cwd: Path, **environment: str) -> Told:
    """Run a command in this process, which saves its start."""
    with chdir(cwd):
        result = CliRunner().invoke(app, arguments, env={**ENVIRONMENT, **environment})
    return Told(result.exit_code, result.stdout, result.stderr)


async def made(platform: Platform, cwd: Path, *options: str) -> dict[str, Any]:
    """Make an archive of a running platform and return the report."""
    command = [
        sys.executable,
        "-m",
        "echo_embedded",
        "backup",
        "backups",
        "--data",
        str(platform.folder.path),
        "--json",
        *options,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr
    report: dict[str, Any] = json.loads(stdout)
    return report


@asynccontextmanager
async def load(person: Person) -> AsyncIterator[None]:
    """Speak in a loop while the context lasts."""

    async def speak() -> None:
        number = 0
        while True:
            number += 1
            await person.speak(f"Sentence number {number}.")

    speaking = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["embedded", pytest.param("distributed", marks=pytest.mark.full)])
async def test_a_restored_platform_serves_the_same_and_erases_again(
    form: str, require: Require, tmp_path: Path, chat: Provider
) -> None:
    require_form(form, require, tmp_path)
    settings = {**TONE, "ECHO_VOICE_CHAT_URL": f"{chat.url}/v1", "ECHO_VOICE_CHAT_MODEL": "test"}
    with started(form, tmp_path / form, settings=settings) as platform:
        async with Person.at(platform.url) as owner, Person.at(platform.url) as eve:
            owned = await OwnedData.of(owner)
            spoken = await owner.speak("The same audio is served again.")
            audio = (await owner.audio(spoken)).content
            eve_email = await eve.register()
            async with load(eve):
                report = await made(platform, tmp_path)
            requested = data(await eve.http.request("DELETE", "/users/me", json={"password": PASSWORD}), 202)
        await made(platform, tmp_path)
    archive = Path(report["path"])
    assert (report["form"], report["secrets"], report["vectors"] > 0) == (form, True, True)

    restored = tmp_path / "restored"
    told = await asyncio.to_thread(echoctl, "restore", str(archive), "--data", str(restored), cwd=tmp_path)

    assert told.returncode == 0, told.stderr
    with started("embedded", tmp_path / "again", settings=TONE, data=restored) as platform:
        async with Person.at(platform.url) as owner, Person.at(platform.url) as admin:
            await owner.log_in(owned.email)
            assert (await owner.audio(spoken)).content == audio
            assert (await owner.speak("A clone still speaks.", voice=owned.ids["clone_id"]))["duration"] > 0
            similar = await owner.http.get(f"/voices/{owned.ids['clone_id']}")
            assert similar.is_success
            lost = await owner.http.get(f"/users/me/exports/{owned.ids['export_id']}")
            assert refusal(lost) == (404, "EXPORT_NOT_FOUND")
            assert data(await owner.http.get("/users/me/exports")) == []
            await admin.log_in(platform.admin.admin_email, platform.admin.admin_password)

            async def erased_again() -> bool:
                response = await admin.http.get(f"/admin/erasures/{requested['id']}")
                return response.is_success and data(response)["completed_at"] is not None

            await eventually(erased_again, within=30)
            assert data(await admin.http.get("/admin/users", params={"search": eve_email})) == []
            assert data(await admin.http.get("/admin/dead-letters")) == []
            verified = await asyncio.to_thread(echoctl, "audit", "verify", "--data", str(restored), cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a stopped platform."""
    folder = tmp_path_factory.mktemp("small")
    with started("embedded", folder, settings=TONE):
        pass
    return folder / "data"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_rotation_keeps_the_newest_archives(small: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    for day in range(1, 4):
        (backups / f"echo-2026-01-0{day}T03-00-00Z.tar").write_text("an older archive")

    told = echoctl("backup", "backups", "--keep", "2", "--data", str(small), cwd=tmp_path)

    assert told.returncode == 0, told.stderr
    archives = [path.name for path in backups.glob("echo-*.tar")]
    assert len(archives) == 2
    assert "echo-2026-01-03T03-00-00Z.tar" in archives


def test_a_damaged_list_of_erasures_prevents_neither_the_archive_nor_the_rotation(small: Path, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    (backups / "echo-2026-01-01T03-00-00Z.tar").write_text("an older archive")
    (backups / "erasures.jsonl").write_text("{")

    told = echoctl("backup", "backups", "--keep", "1", "--data", str(small), cwd=tmp_path)

    assert (told.returncode, "damaged at line 1" in told.stderr) == (2, True), told.stderr
    [archive] = backups.glob("echo-*.tar")
    assert f"Wrote backups/{archive.name}" in told.stdout


def test_a_restore_requires_the_list_of_erasures_and_tells_their_number(small: Path, tmp_path: Path) -> None:
    assert echoctl("backup", "echo.tar", "--data", str(small), cwd=tmp_path).returncode == 0
    entry = {"pseudonym": "0" * 32, "requested_at": "2026-11-22T03:00:00+00:00"}
    (tmp_path / "list.jsonl").write_text(json.dumps(entry) + "\n")
    (tmp_path / "erasures.jsonl").unlink()
    restore = ("restore", "echo.tar", "--data")

    refused = echoctl(*restore, "restored", cwd=tmp_path)
    without = echoctl(*restore, "without", "--without-erasures", "--json", cwd=tmp_path)
    named = echoctl(*restore, "named", "--erasures", "list.jsonl", cwd=tmp_path)

    assert (refused.returncode, "There is no erasures.jsonl beside the archive" in refused.stderr) == (2, True)
    assert not (tmp_path / "restored").exists()
    assert json.loads(without.stdout)["erasures"] == 0
    assert "Erasures to repeat at the next start: 1." in named.stdout


def test_a_killed_backup_leaves_no_archive(small: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "echo_embedded", "backup", "backups", "--data", str(small)]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob("backups/.echo-*.part")):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob("backups/echo-*.tar")) == []

    assert echoctl("backup", "backups", "--data", str(small), cwd=tmp_path).returncode == 0
    assert list(tmp_path.glob("backups/.echo-*.part")) == []
    assert len(list(tmp_path.glob("backups/echo-*.tar"))) == 1


def test_a_killed_restore_leaves_no_platform_and_is_repeated(small: Path, tmp_path: Path) -> None:
    assert echoctl("backup", "echo.tar", "--data", str(small), cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "echo_embedded", "restore", "echo.tar", "--data", "restored"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (tmp_path / ".restored.restoring/database").exists():
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "restored").exists()

    again = echoctl("restore", "echo.tar", "--data", "restored", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "restored/secrets.json").exists()
    assert not (tmp_path / ".restored.restoring").exists()


def test_a_schedule_makes_archives_until_it_is_stopped(small: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "echo_embedded",
        "backup",
        "backups",
        "--every",
        "24h",
        "--keep",
        "3",
        "--data",
        str(small),
    ]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Wrote backups/echo-")
    other = echoctl("backup", "backups", "--data", str(small), cwd=tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert len(list(tmp_path.glob("backups/echo-*.tar"))) == 1
    assert (other.returncode, "Another backup into backups is running." in other.stderr) == (2, True)


def test_refused_restores_change_nothing(small: Path, tmp_path: Path) -> None:
    assert echoctl("backup", "good.tar", "--data", str(small), cwd=tmp_path).returncode == 0
    good = (tmp_path / "good.tar").read_bytes()
    (tmp_path / "damaged.tar").write_bytes(good.replace(b"admin@echo.internal", b"admin@ohce.internal", 1))
    (tmp_path / "truncated.tar").write_bytes(good[: len(good) // 2])
    before = names(tmp_path)
    restore = ("restore", "--data", "restored")

    refused = {
        "differs from its SHA-256": echoctl(*restore, "damaged.tar", cwd=tmp_path),
        "is truncated": echoctl(*restore, "truncated.tar", cwd=tmp_path),
        "No such file": echoctl(*restore, "absent.tar", cwd=tmp_path),
        "The passphrase is not": echoctl(*restore, "good.tar", cwd=tmp_path, ECHO_BACKUP_PASSPHRASE="another passphrase"),
        "set ECHO_BACKUP_PASSPHRASE": echoctl(*restore, "good.tar", cwd=tmp_path, ECHO_BACKUP_PASSPHRASE=""),
        "is not empty": echoctl("restore", "good.tar", "--data", str(small), cwd=tmp_path),
    }

    for sentence, told in refused.items():
        assert (told.returncode, sentence in told.stderr) == (2, True), told.stderr
        assert len(told.stderr.strip().splitlines()) == 1, told.stderr
    assert names(tmp_path) == before
    assert echoctl("restore", "good.tar", "--check", cwd=tmp_path).returncode == 0
    assert names(tmp_path) == before


def test_secrets_can_be_left_out_and_written_to_a_file(small: Path, tmp_path: Path) -> None:
    secrets = json.loads((small / "secrets.json").read_text())
    unset = {"ECHO_BACKUP_PASSPHRASE": ""}
    assert echoctl("backup", "with.tar", "--data", str(small), cwd=tmp_path).returncode == 0
    without = echoctl("backup", "without.tar", "--without-secrets", "--data", str(small), cwd=tmp_path, **unset)
    assert without.returncode == 0, without.stderr
    written = echoctl("restore", "with.tar", "--write-secrets", "secrets.env", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    lines = (tmp_path / "secrets.env").read_text().splitlines()
    assert f"ECHO_AUTH_SECRET='{secrets['auth_secret']}'" in lines
    assert f"ECHO_FEEDBACK_SECRET='{secrets['feedback_secret']}'" in lines

    told = echoctl("restore", "without.tar", "--data", "restored", cwd=tmp_path)
    assert (told.returncode, "does not protect it from forgery" in told.stderr) == (2, True)
    told = echoctl("restore", "without.tar", "--data", "restored", cwd=tmp_path, **unset)
    assert (told.returncode, "The archive holds no secrets" in told.stderr) == (2, True)
    given = {
        "ECHO_BACKUP_AUTH_SECRET": secrets["auth_secret"],
        "ECHO_BACKUP_FEEDBACK_SECRET": secrets["feedback_secret"],
        "ECHO_BACKUP_ADMIN_EMAIL": secrets["admin_email"],
        "ECHO_BACKUP_ADMIN_PASSWORD": secrets["admin_password"],
    }
    restored = echoctl("restore", "without.tar", "--without-secrets", "--data", "restored", cwd=tmp_path, **given)
    assert restored.returncode == 0, restored.stderr
    assert json.loads((tmp_path / "restored/secrets.json").read_text()) == secrets
