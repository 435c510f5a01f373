"""Implementation of `echoctl serve` and `echoctl local`: the platform in a terminal."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from echo_common.process import freeze_heap, raise_open_files
from echo_embedded import host
from echo_embedded.data_folder import BrokenError, DataFolder, Running, Secrets
from echo_embedded.logs import logging_to
from echo_embedded.public_url import served_certificate
from echo_embedded.settings import HostSettings

FORCED = 130
_ANNOUNCE_SECONDS = 0.2


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
    """Build the gateway's URL; an IPv6 address gets brackets."""
    return f"http://[{settings.host}]:{settings.port}" if ":" in settings.host else f"http://{settings.host}:{settings.port}"


def serve(settings: HostSettings, console: Console, *, verbose: bool, since: float) -> None:
    """Run the platform in this process until a signal. `since` is the `time.monotonic()` of the command's start.

    Raises the errors of `host.running`, and `BrokenError`.
    """
    folder = DataFolder(settings.data)
    raise_open_files()
    with folder.lock(), logging_to(folder.logs, verbose=verbose) as log_file:
        until_signal(_serve(folder, settings, console, log_file, since))


async def _serve(folder: DataFolder, settings: HostSettings, console: Console, log_file: Path, since: float) -> None:
    async with AsyncExitStack() as stack:
        stack.callback(console.print, "Stopped.", style="dim")
        with console.status("Starting …"):
            running = host.running(folder, models=settings.models, listen=listen_url(settings))
            platform = await stack.enter_async_context(running)
        freeze_heap()
        places = {"Data": str(folder.path), "Log": str(log_file)}
        welcome(console, platform.url, platform.secrets, places, took=time.monotonic() - since)
        certificate = served_certificate()
        folder.announce(Running(platform.url, os.getpid(), {"host": os.getpid()}, platform.internal, certificate=certificate))
        raise BrokenError(f"{await platform.broken} The log is {log_file}.")


def serve_local(settings: HostSettings, console: Console, *, workers: int, verbose: bool, since: float) -> None:
    """Run every service in its own process until a signal. Raises the errors of `local.deployed`, and `BrokenError`."""
    from echo_embedded.local import deployed

    folder = DataFolder(settings.data)

    async def run(log_file: Path) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(console.print, "Stopped.", style="dim")
            with console.status("Starting …"):
                running = deployed(folder, models=settings.models, host=settings.host, port=settings.port, workers=workers)
                deployment = await stack.enter_async_context(running)
            places = {**deployment.places, "Logs": str(folder.logs)}
            welcome(console, deployment.url, deployment.secrets, places, took=time.monotonic() - since)
            announced = None
            while not deployment.broken.done():
                if (announcement := deployment.announcement()) != announced:  # a process ended or restarted
                    with suppress(OSError):  # full disk; retry until there is space
                        folder.announce(announcement)
                        announced = announcement
                await asyncio.wait({deployment.broken}, timeout=_ANNOUNCE_SECONDS)
            raise BrokenError(f"{deployment.broken.result()} The logs are in {folder.logs}.")

    with folder.lock(), logging_to(folder.logs, verbose=verbose) as log_file:
        until_signal(run(log_file))


def welcome(console: Console, url: str, secrets: Secrets, places: Mapping[str, str], *, took: float) -> None:
    """Print the addresses and credentials of a ready platform."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "API": f"{url}/api/v1",
        "Docs": f"{url}/docs",
        "Admin": secrets.admin_email,
        "Password": secrets.admin_password,
    }
    for name, value in {**rows, **places, "Stop": "Ctrl-C"}.items():
        table.add_row(name, value)
    title = f"Echo is ready ({took:.1f} s)"
    console.print(Panel(table, title=title, subtitle="Paste the line below into another terminal", expand=False))
    console.out(f"\n{curl_line(url, secrets)}\n", highlight=False)


def curl_line(url: str, secrets: Secrets) -> str:
    """Build a shell command that logs in and synthesises hello.wav; it never expires, because it requests its own token."""
    body = "-H 'Content-Type: application/json' -d"
    login = json.dumps({"email": secrets.admin_email, "password": secrets.admin_password})
    speech = json.dumps({"text": "Hello! This is Echo, speaking from your own machine."})
    token = f'$(curl -fsS {url}/api/v1/auth/login {body} \'{login}\' | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')'
    return f"curl -fsS {url}/api/v1/tts/synthesize/stream -H \"Authorization: Bearer {token}\" {body} '{speech}' -o hello.wav"
