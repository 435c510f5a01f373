"""Command `echoctl export`."""

import asyncio
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from echo_embedded.client import Client
from echo_embedded.command_line import Data, Email, Password, Server, access_to, err, error_messages, out, with_client
from echo_embedded.data_folder import CannotStartError
from echo_embedded.terminal_text import printable

_PATH: Final = "/api/v1/users/me/export"
_POLL_SECONDS: Final = 0.5


class ExportFailedError(CannotStartError):
    """A failed export; the message gives the reason."""


def export(
    output: Annotated[Path, typer.Argument(help="Zip file to write.")],
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
) -> None:
    """Export everything of a user to a zip file: JSON, audio and a manifest. Without --server, of the first administrator."""
    with error_messages():
        access = access_to(server, email, password)
        if output.is_dir() or not output.parent.is_dir():
            raise CannotStartError(f"The file {output} cannot be written: choose a file in an existing folder.")
    finished = with_client(lambda client: _export(client, output), data, access)
    out.print(f"{output}: {finished['files']} files, {finished['size'] / 1024:,.0f} KiB", markup=False, highlight=False)


async def _export(client: Client, output: Path) -> dict[str, Any]:
    requested: dict[str, Any] = await client.call("POST", _PATH)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("Exporting", total=100)
        while requested["status"] in {"pending", "processing"}:
            await asyncio.sleep(_POLL_SECONDS)
            requested = await client.call("GET", f"{_PATH}s/{requested['export_id']}")
            progress.update(bar, completed=requested["progress"])
    if requested["status"] != "completed":
        raise ExportFailedError(printable(str(requested["error"])))
    await _write(client, requested, output)
    return requested


async def _write(client: Client, finished: dict[str, Any], output: Path) -> None:
    """Write the archive atomically, for its owner alone. Raises `ExportFailedError` if it arrived damaged."""
    handle, part = _create_part(output)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            async for piece in client.bytes(f"{_PATH}s/{finished['export_id']}/download"):
                file.write(piece)
                digest.update(piece)
        if digest.hexdigest() != finished["checksum"]:
            raise ExportFailedError("The archive arrived damaged. Export again.")
        part.replace(output)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _create_part(output: Path) -> tuple[int, Path]:
    """Create a temporary file beside another, which only its owner can read."""
    handle, name = tempfile.mkstemp(suffix=".part", dir=output.parent)
    return handle, Path(name)
