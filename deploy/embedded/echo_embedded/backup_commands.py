"""Commands `echoctl backup` and `echoctl restore`."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from echo_common.clock import now
from echo_common.errors import EchoError
from echo_embedded.backup.archive import Archive, Report, verify
from echo_embedded.backup.create import back_up
from echo_embedded.backup.erasures import FILE_NAME, known_erasures, read_erasures, update_erasures
from echo_embedded.backup.passphrase import PassphraseError
from echo_embedded.backup.places import Places, secrets_of, source_of
from echo_embedded.backup.restore import restore as restore_places
from echo_embedded.backup.restore import restore_folder
from echo_embedded.backup.schedule import archive_name, held, interval_of, newest_in, rotate
from echo_embedded.command_line import Data, Json, err, error_messages, out, settings
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.serve import until_signal
from echo_embedded.settings import BackupSettings

_ERASURES_SECONDS = 300.0
_RETRY_SECONDS = 300.0
_VARIABLE = "ECHO_BACKUP_PASSPHRASE"

WithoutSecrets = Annotated[
    bool, typer.Option("--without-secrets", help="Leave out the secrets; keep them elsewhere, a restore needs them.")
]


def backup(
    target: Annotated[Path, typer.Argument(help="Folder of archives, or a file that ends in .tar.")] = Path("echo-backups"),
    data: Data = None,
    *,
    keep: Annotated[int | None, typer.Option(min=1, help="Number of archives to keep in the folder.")] = None,
    every: Annotated[str | None, typer.Option(help="Repeat until Ctrl-C, for example every 24h; m, h or d.")] = None,
    without_secrets: WithoutSecrets = False,
    as_json: Json = False,
) -> None:
    """Back up databases, objects, vectors and secrets of the platform, while it runs. ECHO_BACKUP_PASSPHRASE encrypts the secrets."""
    with error_messages():
        is_file = target.suffix == ".tar"
        if is_file and (keep or every):
            raise CannotStartError(f"--keep and --every need a folder, and {target} is a file.")
        interval = None if every is None else interval_of(every)
        chosen, folder = BackupSettings(), DataFolder(settings(data=data).data)
        places, secrets = source_of(folder, chosen), None if without_secrets else _required_secrets(folder, chosen)
        passphrase = None if secrets is None else _passphrase(chosen, new=True)

        async def once(path: Path) -> None:
            with _progress(quiet=as_json) as report:
                archive = await back_up(places, secrets, passphrase, path, report)
            await update_erasures(places, path.parent / FILE_NAME)
            _tell(archive, "Wrote", as_json=as_json)

        with held(target.parent if is_file else target):
            if is_file:
                asyncio.run(once(target))
            elif interval is None:
                asyncio.run(_rotated(once, target, keep))
            else:
                until_signal(_repeat(once, places, target, keep, interval))


async def _rotated(once: Any, folder: Path, keep: int | None) -> None:
    await once(folder / archive_name(now()))
    if keep is not None:
        rotate(folder, keep)


async def _repeat(once: Any, places: Places, folder: Path, keep: int | None, interval: timedelta) -> None:
    """Make an archive whenever the newest one is older than the interval; update the list of erasures meanwhile."""
    while True:
        try:
            newest = newest_in(folder)
            if newest is None or now() >= newest + interval:
                await _rotated(once, folder, keep)
            else:
                await update_erasures(places, folder / FILE_NAME)
            newest = newest_in(folder)
            left = _ERASURES_SECONDS if newest is None else (newest + interval - now()).total_seconds()
            await asyncio.sleep(max(1.0, min(left, _ERASURES_SECONDS)))
        except (CannotStartError, EchoError, OSError) as error:
            err.print(f"{now().isoformat()} The backup failed: {error}", highlight=False, markup=False, soft_wrap=True)
            await asyncio.sleep(_RETRY_SECONDS)


def restore(
    archive: Annotated[Path, typer.Argument(help="Archive of `echoctl backup`.")],
    data: Data = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Verify the archive; restore nothing.")] = False,
    erasures: Annotated[
        Path | None, typer.Option(help="List of users to erase again; by default erasures.jsonl beside the archive.")
    ] = None,
    write_secrets: Annotated[
        Path | None, typer.Option(help="Write the archive's secrets to this new file as settings; restore nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Restore an archive into an empty platform that is not running. Everything is verified before anything is written."""
    with error_messages():
        chosen = BackupSettings()
        with _progress(quiet=as_json) as report:
            found = verify(archive, lambda: _passphrase(chosen, new=False), report)
        if write_secrets is not None:
            _write_secrets(found, write_secrets)
        elif not check:
            again = _erasures_beside(archive, erasures)
            with _progress(quiet=as_json) as report:
                asyncio.run(_restore(found, chosen, settings(data=data).data, again, report))
        _tell(found, "Verified" if check or write_secrets else "Restored", as_json=as_json)


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
    await restore_places(archive, Places.configured(chosen), erasures, report)


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


def _erasures_beside(archive: Path, named: Path | None) -> Mapping[str, datetime]:
    """Return the erasures of the named file, or of the file beside the archive, where there is one."""
    return known_erasures(archive.with_name(FILE_NAME)) if named is None else read_erasures(named)


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
    counts = ", ".join(f"{report[name]} {name}" for name in ("documents", "objects", "vectors", "events"))
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
