"""Implementation of `echoctl backup` and `echoctl restore` in a terminal."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from echo_common.clock import now
from echo_common.errors import EchoError
from echo_embedded.backup.archive import Archive, Report, verify
from echo_embedded.backup.create import back_up
from echo_embedded.backup.erasures import FILE_NAME, known_erasures, read_erasures, update_erasures
from echo_embedded.backup.passphrase import PassphraseError
from echo_embedded.backup.places import Places, secrets_of, source_of
from echo_embedded.backup.restore import restore, restore_folder
from echo_embedded.backup.schedule import archive_name, held, interval_of, newest_in, rotate
from echo_embedded.command_line import err, out
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.serve import until_signal
from echo_embedded.settings import BackupSettings

_ERASURES_SECONDS = 300.0
_RETRY_SECONDS = 300.0
_VARIABLE = "ECHO_BACKUP_PASSPHRASE"

Make = Callable[[Path], Coroutine[Any, Any, None]]
"""Function that makes one archive with this path."""


def make_archives(
    target: Path, data: Path, *, keep: int | None, every: str | None, without_secrets: bool, as_json: bool
) -> None:
    """Make an archive at `target`, or archives in this folder. Raises `CannotStartError`, `EchoError`, `OSError`."""
    is_file = target.suffix == ".tar"
    if is_file and (keep or every):
        raise CannotStartError(f"--keep and --every need a folder, and {target} is a file.")
    interval = None if every is None else interval_of(every)
    chosen, folder = BackupSettings(), DataFolder(data)
    places, secrets = source_of(folder, chosen), None if without_secrets else _required_secrets(folder, chosen)
    passphrase = None if secrets is None else _passphrase(chosen, new=True)

    async def make(path: Path) -> None:
        with _progress(quiet=as_json) as report:
            archive = await back_up(places, secrets, passphrase, path, report)
        await update_erasures(places, path.parent / FILE_NAME)
        _tell(archive, "Wrote", as_json=as_json)

    with held(target.parent if is_file else target):
        if is_file:
            asyncio.run(make(target))
        elif interval is None:
            asyncio.run(_make_and_rotate(make, target, keep))
        else:
            until_signal(_repeat(make, places, target, keep, interval))


def restore_archive(
    archive: Path, data: Path, *, check: bool, erasures: Path | None, write_secrets: Path | None, as_json: bool
) -> None:
    """Verify an archive, then restore it. Raises `CannotStartError`, `EchoError`, `OSError`."""
    chosen = BackupSettings()
    with _progress(quiet=as_json) as report:
        found = verify(archive, lambda: _passphrase(chosen, new=False), report)
    if write_secrets is not None:
        _write_secrets(found, write_secrets)
    elif not check:
        again = known_erasures(archive.with_name(FILE_NAME)) if erasures is None else read_erasures(erasures)
        with _progress(quiet=as_json) as report:
            asyncio.run(_restore(found, chosen, data, again, report))
    _tell(found, "Verified" if check or write_secrets else "Restored", as_json=as_json)


async def _make_and_rotate(make: Make, folder: Path, keep: int | None) -> None:
    await make(folder / archive_name(now()))
    if keep is not None:
        rotate(folder, keep)


async def _repeat(make: Make, places: Places, folder: Path, keep: int | None, interval: timedelta) -> None:
    """Make an archive whenever the newest one is older than the interval; update the list of erasures meanwhile."""
    while True:
        try:
            newest = newest_in(folder)
            if newest is None or now() >= newest + interval:
                await _make_and_rotate(make, folder, keep)
            else:
                await update_erasures(places, folder / FILE_NAME)
            newest = newest_in(folder)
            left = _ERASURES_SECONDS if newest is None else (newest + interval - now()).total_seconds()
            await asyncio.sleep(max(1.0, min(left, _ERASURES_SECONDS)))
        except (CannotStartError, EchoError, OSError) as error:
            err.print(f"{now().isoformat()} The backup failed: {error}", highlight=False, markup=False, soft_wrap=True)
            await asyncio.sleep(_RETRY_SECONDS)


async def _restore(
    archive: Archive, chosen: BackupSettings, data: Path, erasures: Mapping[str, datetime], report: Report
) -> None:
    configured = secrets_of(DataFolder(data), chosen)
    secrets = archive.secrets or configured
    if secrets is None:
        raise CannotStartError(
            "The archive holds no secrets: set ECHO_BACKUP_AUTH_SECRET, ECHO_BACKUP_ADMIN_EMAIL and ECHO_BACKUP_ADMIN_PASSWORD "
            "to those of the platform that was backed up."
        )
    if chosen.database_url is None:
        await restore_folder(archive, data, secrets, erasures, report)
        return
    if configured is None or configured.auth_secret != secrets.auth_secret:
        raise CannotStartError(
            "ECHO_AUTH_SECRET of the platform is not that of the archive, so it could not decrypt its keys. Nothing was changed. "
            "Write the archive's secrets to a file with --write-secrets, and put them into .env."
        )
    await restore(archive, Places.configured(chosen), erasures, report)


def _required_secrets(folder: DataFolder, chosen: BackupSettings) -> Secrets:
    secrets = secrets_of(folder, chosen)
    if secrets is None:
        raise CannotStartError("The platform's secrets are unknown: set ECHO_BACKUP_AUTH_SECRET, or use --without-secrets.")
    return secrets


def _passphrase(chosen: BackupSettings, *, new: bool) -> str:
    """Return the passphrase of the settings, or ask for it. Raises `PassphraseError` where nobody can be asked."""
    if chosen.passphrase:
        return chosen.passphrase.get_secret_value()
    if not sys.stdin.isatty():
        other = ", or leave the secrets out with --without-secrets" if new else ""
        raise PassphraseError(f"The secrets in an archive are encrypted: set {_VARIABLE}{other}.")
    return str(typer.prompt("Passphrase of the archive", hide_input=True, confirmation_prompt=new, err=True))


def _write_secrets(archive: Archive, path: Path) -> None:
    if archive.secrets is None:
        raise CannotStartError(f"The archive {archive.path} holds no secrets.")
    lines = {
        "ECHO_AUTH_SECRET": archive.secrets.auth_secret,
        "ECHO_AUTH_ADMIN_EMAIL": archive.secrets.admin_email,
        "ECHO_AUTH_ADMIN_PASSWORD": archive.secrets.admin_password,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in lines.items())


def _tell(archive: Archive, verb: str, *, as_json: bool) -> None:
    report = archive.report()
    if as_json:
        out.out(json.dumps(report), highlight=False)
        return
    counts = ", ".join(f"{report.get(name, 0)} {name}" for name in ("documents", "objects", "vectors", "events"))
    secrets = "with secrets" if archive.secrets else "without secrets"
    size = f"{report['bytes'] / 1e6:.1f} MB"
    out.print(f"{verb} {archive.path}: {counts}, {secrets}, {size}.", highlight=False, markup=False, soft_wrap=True)
    for warning in archive.manifest.warnings:
        err.print(f"Warning: {warning}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Report]:
    """Show a progress bar for each step on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}{task.fields[of]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def report(step: str, done: int, total: int | None) -> None:
            if step not in bars:
                bars[step] = progress.add_task(step, total=total, of="" if total is None else f"/{total}")
            progress.update(bars[step], completed=done)

        yield report
