"""Running one service as a process of its own: `python -m echo_<name>`."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError

from echo_common.errors import EchoError
from echo_common.http.server import AddressTakenError
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging, configure_tracing


async def stop_signal() -> None:
    """Return at the first SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


def settle() -> None:
    """Once started: what is there now stays, so the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


async def _serve(service: Service[Any], settings: CommonSettings) -> None:
    log = structlog.get_logger("echo.process")
    async with service.running(settings, Process()) as app, service.listening(app, settings.listen) as url:
        log.info("listening", service=service.name, url=url)
        settle()
        await stop_signal()
        log.info("stopping", service=service.name)


def run(make: Callable[[], Service[Any]]) -> None:
    """Serve what `make` makes until a signal.

    Exit code 2 with one sentence when the settings (read before anything is connected) or the surroundings do not allow it.
    """
    try:
        settings, service = CommonSettings(), make()
    except ValidationError as error:
        sys.exit(_refuse(error))
    configure_logging(settings)
    tracing = configure_tracing(settings, service.name)
    try:
        uvloop.run(_serve(service, settings))
    except (AddressTakenError, EchoError, OSError) as error:
        sys.stderr.write(f"{service.name} cannot start: {error}\n")
        sys.exit(2)
    finally:
        if tracing is not None:
            tracing.shutdown()


def _refuse(error: ValidationError) -> int:
    """Name each bad setting as the operator wrote it: `GatewaySettings` come from `ECHO_GATEWAY_…`."""
    owner = error.title.removesuffix("Settings").upper()
    prefix = "ECHO_" if owner == "COMMON" else f"ECHO_{owner}_"
    for item in error.errors():
        name = prefix + "_".join(str(part) for part in item["loc"]).upper()
        sys.stderr.write(f"The setting {name} is not valid: {item['msg'].removeprefix('Value error, ')}.\n")
    return 2
