"""Composition of all services in one process, each in an asyncio task of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr

from echo_common.bus.inproc import InprocBroker
from echo_common.otlp.exports import TelemetryExports
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings
from echo_embedded.data_folder import DataFolder, Secrets
from echo_embedded.preflight import require_free, require_models, require_space
from echo_embedded.public_url import public_url
from echo_embedded.ready import until_ready
from echo_embedded.registry import INTERNAL, START_ORDER, Wiring, services
from echo_synthesis.settings import SynthesisSettings
from echo_voice.settings import VoiceSettings

log = structlog.get_logger("echo.host")


class _Part:
    """A service in its own asyncio task, so that services start concurrently and each task exits the contexts it entered."""

    def __init__(self, service: Service[Any], settings: CommonSettings, process: Process) -> None:
        self.name = service.name
        self._stop = asyncio.Event()
        self._listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(service, settings, process), name=f"service-{service.name}")

    async def _run(self, service: Service[Any], settings: CommonSettings, process: Process) -> None:
        async with service.running(settings, process) as app, service.listening(app, settings.listen) as url:
            self._listening.set_result(url)
            await self._stop.wait()

    async def listening(self) -> str:
        """Wait until the service listens and return its URL. Raises the error that prevented the start."""
        ends: set[asyncio.Future[Any]] = {self.task, self._listening}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not self._listening.done():
            self.task.result()
        return self._listening.result()

    async def stop(self) -> None:
        """Stop the service after its running work; cancel a start in progress."""
        self._stop.set()
        started = self._listening.done()
        if not started:
            self.task.cancel()
        await asyncio.wait({self.task})
        if started and not self.task.cancelled() and (error := self.task.exception()):
            log.error("service_stop_failed", service=self.name, error=str(error))


@asynccontextmanager
async def assembled(
    folder: DataFolder,
    secrets: Secrets,
    models: Path,
    listen: str,
    broken: "asyncio.Future[str]",
) -> AsyncIterator[tuple[str, str]]:
    """Start the services in order and stop them in reverse; yield the gateway's public and internal URL when all are ready.

    `broken` receives the reason if a service ends unexpectedly. Raises `CannotStartError` and `AddressTakenError`.
    """
    speech = SynthesisSettings(models=models)
    recordings = VoiceSettings(models=models, vectors_url=folder.vectors.as_uri())
    require_models(speech)
    require_free(listen)
    require_space(folder.path, CommonSettings().minimum_free_bytes)
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(folder.sockets())
        addresses = {name: f"unix://{sockets / name}.sock" for step in START_ORDER for name in step}
        addresses["gateway"] = listen
        addresses[INTERNAL] = f"unix://{sockets / INTERNAL}.sock"
        everything = services(Wiring(secrets, speech, recordings, addresses))
        common = CommonSettings(
            listen=listen,
            database_url=SecretStr(folder.database_url),
            bus_url=SecretStr("inproc://"),
            objects_url=folder.objects.as_uri(),
            scratch=folder.scratch,
            auth_url=addresses["auth"],
        )
        encrypted = everything["gateway"].tls is not None
        common = common.model_copy(update={"public_url": public_url(listen, encrypted=encrypted)})
        exports = TelemetryExports(common, "embedded")
        stack.callback(exports.close)
        exports.attach()
        broker = InprocBroker(held=True)
        process = Process(broker=broker, exclusive=True)  # the caller holds the folder's lock
        await stack.enter_async_context(exports.exporting(process.metrics))
        for step in START_ORDER:
            parts = [_Part(everything[name], common.model_copy(update={"listen": addresses[name]}), process) for name in step]
            stack.push_async_callback(_stop, parts)
            for part in parts:
                addresses[part.name] = await part.listening()
                _watch(part, broken)
        broker.release()
        internal = everything["gateway"].internal_listen or addresses[INTERNAL]
        await until_ready({name: url for name, url in addresses.items() if name != INTERNAL} | {"gateway": internal}, broken)
        yield addresses["gateway"], internal


async def _stop(parts: Sequence[_Part]) -> None:
    await asyncio.gather(*(part.stop() for part in parts))


def _watch(part: _Part, broken: "asyncio.Future[str]") -> None:
    def tell(_: object) -> None:
        if not broken.done():
            broken.set_result(f"The service {part.name} has ended unexpectedly.")

    part.task.add_done_callback(tell)
