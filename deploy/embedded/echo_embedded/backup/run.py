"""Implementation of `echoctl backup` and `echoctl restore` in a terminal."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from echo_common.clock import now
from echo_common.errors import EchoError
from echo_embedded.backup.archive import Archive, Report, has_webhooks
from echo_embedded.backup.create import back_up
from echo_embedded.backup.erasures import FILE_NAME, read_erasures, read_erasures_beside, update_erasures
from echo_embedded.backup.passphrase import PassphraseError
from echo_embedded.backup.places import Places, find_places, find_secrets
from echo_embedded.backup.restore import restore, restore_folder
from echo_embedded.backup.schedule import archive_name, find_newest, lock_folder, parse_interval, rotate
from echo_embedded.backup.verification import verify
from echo_embedded.command_line import err, out
from echo_embedded.data_folder import CannotStartError, DataFolder, Secrets
from echo_embedded.serve import until_signal
from echo_embedded.settings import BackupSettings

_ERASURES_SECONDS = 300.0
_RETRY_SECONDS = 300.0
_VARIABLE = "ECHO_BACKUP_PASSPHRASE"
_NOT_QUOTABLE = re.compile(r"[\n\r]|\\(?=['\\]|$)")

Make = Callable[[Path], Coroutine[Any, Any, None]]
"""Function that makes one archive with this path."""


def make_archives(
    target: Path, data: Path, *, keep: int | None, every: str | None, without_secrets: bool, as_json: bool
) -> None:
    """Make an archive at `target`, or archives in this folder. Raises `CannotStartError`, `EchoError`, `OSError`."""
    is_file = target.suffix == ".tar"
    if is_file and (keep or every):
        raise CannotStartError(f"--keep and --every need a folder, and {target} is a file.")
    interval = None if every is None else parse_interval(every)
    chosen, folder = BackupSettings(), DataFolder(data)
    places, secrets = find_places(folder, chosen), None if without_secrets else _required_secrets(folder, chosen)
    passphrase = None if secrets is None else _passphrase(chosen, new=True)

    async def make(path: Path) -> None:
        with _progress(quiet=as_json) as report:
            archive = await back_up(places, secrets, passphrase, path, report)
        _print_result(archive, "Wrote", as_json=as_json)

    with lock_folder(target.parent if is_file else target):
        if is_file:
            asyncio.run(_make_once(make, target, places, None))
        elif interval is None:
            asyncio.run(_make_once(make, target / archive_name(now()), places, keep))
        else:
            until_signal(_repeat(make, places, target, keep, interval))


def restore_archive(
    archive: Path,
    data: Path,
    *,
    check: bool,
    erasures: Path | None,
    without_erasures: bool,
    without_secrets: bool,
    write_secrets: Path | None,
    as_json: bool,
) -> None:
    """Verify an archive, then restore it. Raises `CannotStartError`, `EchoError`, `OSError`."""
    chosen = BackupSettings()
    sealed = bool(chosen.passphrase) and not without_secrets
    with _progress(quiet=as_json) as report:
        found = verify(archive, lambda: _passphrase(chosen, new=False), report, sealed=sealed)
    if write_secrets is not None:
        _write_secrets(found, write_secrets)
    if check or write_secrets is not None:
        _print_result(found, "Verified", as_json=as_json)
        return
    again = _read_again(archive, erasures, without=without_erasures)
    with _progress(quiet=as_json) as report:
        asyncio.run(_restore(found, chosen, data, again, report))
    _print_result(found, "Restored", as_json=as_json, erasures=len(again))


def _read_again(archive: Path, erasures: Path | None, *, without: bool) -> Mapping[str, datetime]:
    if erasures is not None:
        return read_erasures(erasures)
    return {} if without else read_erasures_beside(archive)


async def _make_once(make: Make, path: Path, places: Places, keep: int | None) -> None:
    await _make_and_rotate(make, path, keep)
    await update_erasures(places, path.with_name(FILE_NAME))


async def _make_and_rotate(make: Make, path: Path, keep: int | None) -> None:
    await make(path)
    if keep is not None:
        rotate(path.parent, keep)


async def _repeat(make: Make, places: Places, folder: Path, keep: int | None, interval: timedelta) -> None:
    """Make an archive whenever the newest one is older than the interval; update the list of erasures meanwhile."""
    while True:
        made = await _succeeds("The backup failed", _make_due(make, folder, keep, interval))
        listed = await _succeeds("The list of erasures was not updated", update_erasures(places, folder / FILE_NAME))
        await asyncio.sleep(_compute_wait(folder, interval) if made and listed else _RETRY_SECONDS)


async def _make_due(make: Make, folder: Path, keep: int | None, interval: timedelta) -> None:
    newest = find_newest(folder)
    if newest is None or now() >= newest + interval:
        await _make_and_rotate(make, folder / archive_name(now()), keep)


def _compute_wait(folder: Path, interval: timedelta) -> float:
    newest = find_newest(folder)
    left = 0.0 if newest is None else (newest + interval - now()).total_seconds()
    return max(1.0, min(left, _ERASURES_SECONDS))


async def _succeeds(failure: str, work: Awaitable[object]) -> bool:
    """Return whether work succeeds; print the error."""
    try:
        await work
    except (CannotStartError, EchoError, OSError) as error:
        err.print(f"{now().isoformat()} {failure}: {error}", highlight=False, markup=False, soft_wrap=True)
        return False
    return True


async def _restore(
    archive: Archive, chosen: BackupSettings, data: Path, erasures: Mapping[str, datetime], report: Report
) -> None:
    configured = find_secrets(DataFolder(data), chosen)
    secrets = archive.secrets or configured
    if secrets is None:
        raise CannotStartError(
            "The archive holds no secrets: set ECHO_BACKUP_AUTH_SECRET, ECHO_BACKUP_FEEDBACK_SECRET, ECHO_BACKUP_ADMIN_EMAIL and "
            "ECHO_BACKUP_ADMIN_PASSWORD to those of the platform that was backed up."
        )
    if not secrets.feedback_secret and configured is not None:  # the archive is of a version or configuration without it
        secrets = replace(secrets, feedback_secret=configured.feedback_secret)
    if not secrets.feedback_secret and await asyncio.to_thread(has_webhooks, archive):
        raise CannotStartError(
            "The archive holds webhooks, but not the secret that encrypts theirs: set ECHO_BACKUP_AUTH_SECRET and "
            "ECHO_BACKUP_FEEDBACK_SECRET to those of the platform that was backed up. Nothing was changed."
        )
    if chosen.database_url is None:
        await restore_folder(archive, data, secrets, erasures, report)
        return
    if configured is None or configured.auth_secret != secrets.auth_secret:
        raise _other_secret("ECHO_AUTH_SECRET", "keys")
    if secrets.feedback_secret and configured.feedback_secret != secrets.feedback_secret:
        raise _other_secret("ECHO_FEEDBACK_SECRET", "secrets of webhooks")
    await restore(archive, Places.configured(chosen), erasures, report)


def _other_secret(setting: str, encrypted: str) -> CannotStartError:
    return CannotStartError(
        f"{setting} of the platform is not that of the archive, so it could not decrypt its {encrypted}. Nothing was changed. "
        "Write the archive's secrets to a file with --write-secrets, and put them into .env."
    )


def _required_secrets(folder: DataFolder, chosen: BackupSettings) -> Secrets:
    secrets = find_secrets(folder, chosen)
    if secrets is None:
        raise CannotStartError("The platform's secrets are unknown: set ECHO_BACKUP_AUTH_SECRET, or use --without-secrets.")
    if chosen.auth_secret is not None and not secrets.feedback_secret:
        raise CannotStartError(
            "The secret of webhooks is unknown: set ECHO_BACKUP_FEEDBACK_SECRET to ECHO_FEEDBACK_SECRET of the platform, or use "
            "--without-secrets."
        )
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
        "ECHO_FEEDBACK_SECRET": archive.secrets.feedback_secret,
        "ECHO_AUTH_ADMIN_EMAIL": archive.secrets.admin_email,
        "ECHO_AUTH_ADMIN_PASSWORD": archive.secrets.admin_password,
    }
    lines = {name: value for name, value in lines.items() if value or name != "ECHO_FEEDBACK_SECRET"}
    if refused := [name for name, value in lines.items() if _NOT_QUOTABLE.search(value)]:
        raise CannotStartError(
            f"{refused[0]} has a line break, or a backslash at its end or before a quote or backslash, which no .env file can hold."
        )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={_quote(value)}\n" for name, value in lines.items())


def _quote(value: str) -> str:
    """Return a value for a .env file: docker compose expands nothing in single quotes."""
    return "'" + value.replace("'", "\\'") + "'"


def _print_result(archive: Archive, verb: str, *, as_json: bool, erasures: int | None = None) -> None:
    facts = archive.describe() if erasures is None else {**archive.describe(), "erasures": erasures}
    if as_json:
        out.out(json.dumps(facts), highlight=False)
        return
    counts = ", ".join(f"{facts.get(name, 0)} {name}" for name in ("documents", "objects", "vectors", "events"))
    secrets = "with secrets" if archive.secrets else "without secrets"
    size = f"{facts['bytes'] / 1e6:.1f} MB"
    out.print(f"{verb} {archive.path}: {counts}, {secrets}, {size}.", highlight=False, markup=False, soft_wrap=True)
    if erasures is not None:
        out.print(f"Erasures to repeat at the next start: {erasures}.", highlight=False, markup=False, soft_wrap=True)
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
