"""Implementation of `echoctl doctor`: checks of everything on this machine that synthesis needs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from rich.console import Console

from echo_common.settings import CommonSettings
from echo_embedded.data_folder import DataFolder
from echo_embedded.doctor import data, machine, speech
from echo_embedded.doctor.report import Check, Finding, Report, examine
from echo_embedded.serve import listen_url
from echo_embedded.settings import HostSettings
from echo_synthesis.engine import EngineConfig, EngineSpec, no_backends
from echo_synthesis.engines import discover
from echo_synthesis.pool.engine_pool import EnginePool, PoolConfig
from echo_synthesis.settings import SynthesisSettings

__all__ = ["Check", "Finding", "Report", "diagnose"]


async def diagnose(settings: HostSettings, console: Console, *, remote: bool = False) -> Report:
    """Check this machine and print a line per finding.

    Remote engines are tested only with `remote`, because their providers charge for it.
    """
    synthesis = SynthesisSettings(models=settings.models)
    config = EngineConfig(settings.models)
    engines = discover(synthesis.engines)
    unknown = [name for name in synthesis.engines if name not in engines]
    async with _engines(engines, config) as pool:
        checks = [
            *_machine_checks(settings),
            *(Check(f"engine {name}", partial(_unknown)) for name in unknown),
            *_speech_checks(engines, config, synthesis, pool, remote=remote),
        ]
        return await examine(checks, console)


def _machine_checks(settings: HostSettings) -> list[Check]:
    folder = DataFolder(settings.data)
    running = folder.running()

    def disk() -> Finding:
        places = {"data": folder.path, "models": settings.models.expanduser().absolute()}
        free = {what: (place, machine.free_space(place)) for what, place in places.items()}
        return machine.check_disk(free, CommonSettings().minimum_free_bytes)

    return [
        _check("processor", lambda: machine.check_processor(machine.read_processor())),
        _check("memory", lambda: machine.check_memory(*machine.memory())),
        _check("disk space", disk),
        _check("port", lambda: machine.check_port(listen_url(settings), running)),
        Check("database", partial(data.check_database, folder)),
        _check("audio formats", machine.check_libraries),
    ]


def _speech_checks(
    engines: Mapping[str, EngineSpec], config: EngineConfig, settings: SynthesisSettings, pool: EnginePool, *, remote: bool
) -> list[Check]:
    found, model = speech.check_recogniser(settings.recogniser)
    recogniser = speech.LazyRecogniser(model)
    checks = [_check(f"models: {name}", partial(speech.check_models, spec, config)) for name, spec in engines.items()]
    ready = {name: spec for name, spec in engines.items() if not spec.missing(config)}
    for name, spec in ready.items():
        if spec.backends is not no_backends:
            checks.append(_check(f"backends: {name}", partial(speech.check_backends, spec.backends(config.models))))
    checks.append(_check("recogniser", lambda: found))
    for name, spec in ready.items():
        run: Callable[[], Awaitable[Finding]] = partial(
            speech.check_engine, spec, config, pool, recogniser, settings.default_voice
        )
        checks.append(Check(f"speech: {name}", run if remote or not spec.remote else partial(_skip_remote, name)))
    return checks


def _check(name: str, check: Callable[[], Finding]) -> Check:
    async def run() -> Finding:
        return check()

    return Check(name, run)


async def _skip_remote(engine: str) -> Finding:
    return Finding("skip", f"the provider of {engine} charges for speech; `echoctl doctor --remote` includes it")


async def _unknown() -> Finding:
    known = ", ".join(discover())
    return Finding("fail", f"There is no such engine. Use {known} in ECHO_SYNTHESIS_ENGINES.")


@asynccontextmanager
async def _engines(engines: Mapping[str, EngineSpec], config: EngineConfig) -> AsyncIterator[EnginePool]:
    """Open a pool with one worker per engine; a worker starts with its engine's first synthesis."""
    pool = EnginePool(engines, PoolConfig(config.models, workers=1))
    try:
        yield pool
    finally:
        await pool.close()
