"""`echoctl serve`: the platform in a terminal, from the first line printed to the last process ended."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from echo_embedded import host
from echo_embedded.datafolder import DataFolder, Running, Secrets
from echo_embedded.logs import logging_to
from echo_embedded.settings import HostSettings

FORCED = 130


class BrokenError(Exception):
    """A part of the platform has died; the message says which."""


def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or SIGINT or SIGTERM cancels it; a second signal ends the process at once."""

    async def interruptible() -> None:
        task = asyncio.ensure_future(work)

        def stop() -> None:
            if task.cancelling():
                os._exit(FORCED)  # children die with their parent
            task.cancel()

        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop)
        with suppress(asyncio.CancelledError):
            await task

    uvloop.run(interruptible())


def listen_url(settings: HostSettings) -> str:
    """The gateway's URL; an IPv6 address goes into brackets."""
    return f"http://[{settings.host}]:{settings.port}" if ":" in settings.host else f"http://{settings.host}:{settings.port}"


def serve(settings: HostSettings, console: Console, *, verbose: bool) -> None:
    """Run the platform until a signal. Raises what `host.running` raises, and `BrokenError`."""
    folder = DataFolder(settings.data)
    with folder.held(), logging_to(folder.logs, verbose=verbose) as log_file:
        until_signal(_serve(folder, settings, console, log_file))


async def _serve(folder: DataFolder, settings: HostSettings, console: Console, log_file: Path) -> None:
    try:
        with console.status("Starting …"):
            async with host.running(folder, models=settings.models, listen=listen_url(settings)) as platform:
                folder.announce(Running(platform.url, os.getpid(), {"host": os.getpid()}))
                took = time.time() - psutil.Process().create_time()
                console.print(welcome(platform.url, platform.secrets, folder, log_file, took))
                console.out(f"\n{curl_line(platform.url, platform.secrets)}\n", highlight=False)
                raise BrokenError(f"{await platform.broken} The log is {log_file}.")
    finally:
        console.print("Stopped.", style="dim")


def welcome(url: str, secrets: Secrets, folder: DataFolder, log_file: Path, took: float) -> Panel:
    """What a person needs to know once the platform is ready."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (
        ("API", f"{url}/api/v1   (documentation: {url}/docs)"),
        ("Admin", secrets.admin_email),
        ("Password", secrets.admin_password),
        ("Data", str(folder.path)),
        ("Log", str(log_file)),
        ("Stop", "Ctrl-C"),
    ):
        table.add_row(name, value)
    return Panel(
        table, title=f"Echo is ready ({took:.1f} s)", subtitle="Paste the line below into another terminal", expand=False
    )


def curl_line(url: str, secrets: Secrets) -> str:
    """One line for a shell: logs in, then speaks into hello.wav. It stays valid, for it asks for a token of its own."""
    body = "-H 'Content-Type: application/json' -d"
    login = json.dumps({"email": secrets.admin_email, "password": secrets.admin_password})
    speech = json.dumps({"text": "Hello! This is Echo, speaking from your own machine."})
    token = f'$(curl -fsS {url}/api/v1/auth/login {body} \'{login}\' | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')'
    return f"curl -fsS {url}/api/v1/tts/synthesize/stream -H \"Authorization: Bearer {token}\" {body} '{speech}' -o hello.wav"
