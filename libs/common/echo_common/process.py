"""Runner for one service as a process: `python -m echo_<name>`."""

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
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from echo_common.backoff import Backoff
from echo_common.errors import EchoError, ServiceUnavailableError
from echo_common.http.startup import StartupGate
from echo_common.otlp.exports import TelemetryExports
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings, invalid_settings
from echo_common.telemetry import configure_logging

_BACKOFF = Backoff(0.2, 5.0)
_OPEN_FILES = 65_536


def stop_signal() -> asyncio.Event:
    """Return an event that the first SIGINT or SIGTERM sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    return stop


def raise_open_files() -> None:
    """Raise the limit of open files to the system's maximum: every connection needs one or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS may allow less than it reports
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def freeze_heap() -> None:
    """Freeze all current objects after the start, so that the garbage collector skips them."""
    gc.collect()
    gc.freeze()


async def _serve(service: Service[Any], settings: CommonSettings, exports: TelemetryExports) -> None:
    """Listen at once, serve requests once the dependencies are reachable, and stop in the reverse order of a normal start."""
    log = structlog.get_logger("echo.process")
    stop = stop_signal()
    gate = StartupGate(service.name, restricted_health=service.internal_listen is not None)
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(AsyncExitStack())
        url = await listener.enter_async_context(service.listening(gate, settings.listen))
        process = Process()
        await stack.enter_async_context(exports.exporting(process.metrics))
        if await _opened(service, settings, process, gate, stack, stop):
            log.info("service_listening", service=service.name, url=url)
            freeze_heap()
            await stop.wait()
        log.info("service_stopping", service=service.name)
        await listener.aclose()  # requests end before their dependencies are closed


async def _opened(
    service: Service[Any],
    settings: CommonSettings,
    process: Process,
    gate: StartupGate,
    stack: AsyncExitStack,
    stop: asyncio.Event,
) -> bool:
    """Start the service, with retries while a dependency is unavailable; return whether it started before `stop`."""
    log = structlog.get_logger("echo.process")

    def report(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, ServiceUnavailableError)  # noqa: S101 - only these are retried
        gate.waits_for = error.message
        log.warning("start_delayed", service=service.name, error=error.message, pause_seconds=round(state.upcoming_sleep, 2))

    async def sleep(seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()

    retryable = retry_if_exception_type(ServiceUnavailableError)
    async for attempt in AsyncRetrying(retry=retryable, wait=_BACKOFF, sleep=sleep, before_sleep=report):
        if stop.is_set():
            return False
        with attempt:
            gate.open(await stack.enter_async_context(service.running(settings, process)))
    return True


def run(make: Callable[[], Service[Any]]) -> None:
    """Serve the service that `make` builds until a signal.

    Exits with code 2 and one sentence when the settings (checked before connecting) or the environment prevent it.
    """
    try:
        settings, service = CommonSettings(), make()
    except ValidationError as error:
        sys.exit(_refuse(error))
    raise_open_files()
    exports = TelemetryExports(settings, service.name)
    configure_logging(settings, exports.logs)
    try:
        uvloop.run(_serve(service, settings, exports))
    except (EchoError, OSError) as error:
        sys.stderr.write(f"{service.name} cannot start: {error}\n")
        sys.exit(2)
    finally:
        exports.close()


def _refuse(error: ValidationError) -> int:
    """Report each invalid setting under the name of its variable."""
    sys.stderr.writelines(f"{sentence}\n" for sentence in invalid_settings(error))
    return 2
