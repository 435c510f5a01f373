"""Running one service as a process of its own: `python -m echo_<name>`."""

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError

from echo_common.backoff import Backoff
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.server import AddressTakenError
from echo_common.http.startup import StartupGate
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging, configure_tracing

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_OPEN_FILES = 65_536


def stop_signal() -> asyncio.Event:
    """Return an event that the first SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    return stop


def raise_open_files() -> None:
    """Let this process have as many open files as the system allows: every connection is one, or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def settle() -> None:
    """Once started: what is there now stays, so the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


async def _serve(service: Service[Any], settings: CommonSettings) -> None:
    """Listen at once, do the work as soon as what that needs is there, and stop in the reverse order of a plain start."""
    log = structlog.get_logger("echo.process")
    stop = stop_signal()
    gate = StartupGate(service.name, restricted_health=service.internal_listen is not None)
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(AsyncExitStack())
        url = await listener.enter_async_context(service.listening(gate, settings.listen))
        if await _opened(service, settings, gate, stack, stop):
            log.info("listening", service=service.name, url=url)
            settle()
            await stop.wait()
        log.info("stopping", service=service.name)
        await listener.aclose()  # requests end before what they need is closed


async def _opened(
    service: Service[Any], settings: CommonSettings, gate: StartupGate, stack: AsyncExitStack, stop: asyncio.Event
) -> bool:
    """Start the service, again and again while a part that it needs is away; whether it was started before `stop`."""
    log = structlog.get_logger("echo.process")
    backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
    while not stop.is_set():
        try:
            gate.open(await stack.enter_async_context(service.running(settings, Process())))
        except ServiceUnavailableError as error:
            pause = backoff.pause()
            gate.waits_for = error.message
            log.warning("start_delayed", service=service.name, reason=error.message, pause_seconds=round(pause, 2))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
        else:
            return True
    return False


def run(make: Callable[[], Service[Any]]) -> None:
    """Serve what `make` makes until a signal.

    Exit code 2 with one sentence when the settings (read before anything is connected) or the surroundings do not allow it.
    """
    try:
        settings, service = CommonSettings(), make()
    except ValidationError as error:
        sys.exit(_refuse(error))
    raise_open_files()
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
