"""Implementation of `echoctl say`: synthesis to a file through the public API of a running or temporary platform."""

import errno
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http.client import TOO_MANY_REQUESTS
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from echo_common.contracts.values import AudioFormat, JobStatus
from echo_common.errors import EchoError, is_disk_full
from echo_embedded.client import Client
from echo_embedded.data_folder import CannotStartError, DataFolder
from echo_embedded.settings import HostSettings
from echo_embedded.terminal_text import printable
from echo_embedded.tokens import TokenFile
from echo_embedded.trust import trust_in, trust_in_local

STDOUT = Path("-")
_STARTING = "No platform is running here: starting one for this …"


class SpeechFailedError(Exception):
    """A failed synthesis of an accepted text; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Access:
    """The URL of a remote platform and a user's credentials."""

    url: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A synthesis request: text, voice parameters and output file."""

    text: str
    voice: str | None
    engine: str | None
    speed: float
    output: Path
    format: AudioFormat

    def body(self) -> dict[str, Any]:
        """Build the request body of the job; omitted values use the platform's defaults."""
        config = {} if self.engine is None else {"engine": self.engine}
        body: dict[str, Any] = {"text_content": self.text, "speed": self.speed, "output_format": self.format, "config": config}
        return body if self.voice is None else {**body, "voice_model_id": self.voice}


def format_of(output: Path, wanted: AudioFormat | None) -> AudioFormat:
    """Return the requested format, or the format of the file's extension. Raises `CannotStartError`."""
    if wanted is not None:
        return wanted
    if output == STDOUT:
        return AudioFormat.WAV
    try:
        return AudioFormat(output.suffix.lstrip(".").lower())
    except ValueError:
        known = ", ".join(AudioFormat)
        raise CannotStartError(f"The extension of {output} is not one of {known}. Use one of them, or --format.") from None


@asynccontextmanager
async def connected_to_running(settings: HostSettings, access: Access | None) -> AsyncIterator[Client]:
    """Log in and yield the client: at `access`, else at the platform on the data folder. Raises `CannotStartError` if none runs."""
    if access is not None:
        async with Client.open(access.url, trust_in(settings.ca_file)) as client:
            await client.log_in(access.email, access.password, TokenFile.of(access.url, access.email))
            yield client
        return
    folder = DataFolder(settings.data)
    running, secrets = folder.require_running(), folder.known_secrets()
    if secrets is None:
        raise CannotStartError(f"The data folder {folder.path} has lost its file secrets.json. Restore it from a backup.")
    async with Client.open(running.url, trust_in_local(running.certificate)) as client:
        await client.log_in(secrets.admin_email, secrets.admin_password, folder.token)
        yield client


@asynccontextmanager
async def connected(settings: HostSettings, access: Access | None, console: Console) -> AsyncIterator[Client]:
    """Log in and yield the client: at `access`, else at the platform on the data folder, else at a temporary platform."""
    folder = DataFolder(settings.data)
    if access is not None or folder.running() is not None:
        async with connected_to_running(settings, access) as client:
            yield client
        return
    from echo_embedded import host  # slow: imports all services and their libraries
    from echo_embedded.logs import logging_to
    from echo_embedded.public_url import served_certificate

    with folder.lock(), logging_to(folder.logs, verbose=False), console.status(_STARTING) as starting:
        async with (
            host.running(folder, models=settings.models, listen="http://127.0.0.1:0") as platform,
            Client.open(platform.url, trust_in_local(served_certificate())) as client,
        ):
            await client.log_in(platform.secrets.admin_email, platform.secrets.admin_password, folder.token)
            starting.stop()
            yield client


async def say(client: Client, request: SpeechRequest, console: Console) -> dict[str, Any]:
    """Synthesise with a progress bar, write the file atomically, and return the job's result.

    Raises `SpeechFailedError`, `CannotStartError` for the file, and the errors of `Client`.
    """
    require_writable(request.output)
    job = await client.call("POST", "/api/v1/job", request.body())
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Speaking", total=100)
        async for event in client.progress(job["id"]):
            progress.update(bar, completed=event["progress"])
    job = await client.call("GET", f"/api/v1/job/{job['id']}")
    if job["status"] != JobStatus.COMPLETED:
        raise SpeechFailedError(job.get("error_message") or f"The job ended as {job['status']}.")
    result: dict[str, Any] = job["result"]
    await _write(client, result["audio_url"], request.output)
    return result


async def _write(client: Client, url: str, output: Path) -> None:
    if output == STDOUT:
        async for piece in client.bytes(url):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            async for piece in client.bytes(url):
                file.write(piece)
        part.replace(output)
    except OSError as error:
        raise unwritable(output, error.errno or errno.EIO) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def require_writable(output: Path) -> None:
    """Raise `CannotStartError` before the synthesis if the file cannot be written."""
    if output == STDOUT:
        return
    if output.is_dir():
        raise unwritable(output, errno.EISDIR)
    if not output.parent.is_dir():
        raise unwritable(output, errno.ENOTDIR if output.parent.exists() else errno.ENOENT)
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise unwritable(output, errno.EACCES)


def unwritable(output: Path, number: int) -> CannotStartError:
    """Return the error of a file that cannot be written; `number` is that of the system."""
    return CannotStartError(f"The file {output} cannot be written: {os.strerror(number)}. Choose another path with --output.")


def timings(result: dict[str, Any]) -> Table:
    """Return a table of the word timings."""
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("Word")
    table.add_column("Start", justify="right")
    table.add_column("End", justify="right")
    for word in result.get("word_timestamps") or ():
        table.add_row(escape(printable(word["word"])), f"{word['start_time']:.3f}", f"{word['end_time']:.3f}", style=None)
    return table


def summary(result: dict[str, Any], output: Path) -> str:
    """Describe the written file in one line."""
    where = "standard output" if output == STDOUT else str(output)
    size = f"{result['size'] / 1024:,.0f} KiB"
    return f"{where}: {result['duration']:.2f} s of {result['format']}, {size}, {result['voice_id']} ({result['engine']})"


def reason(error: Exception) -> str:
    """Describe an error, and the way out that the command line offers."""
    if is_disk_full(error):
        return f"{error}. Free space on the disk, or choose a folder on another one; then repeat the command."
    if not isinstance(error, EchoError):
        return str(error)
    if error.code == "VOICE_NOT_FOUND":
        return f"{error.message} List the voices with `echoctl voices`."
    if error.status == TOO_MANY_REQUESTS and error.retry_after is not None:
        return f"{error.message} The wait is {timedelta(seconds=error.retry_after)} (h:mm:ss)."
    return error.message
