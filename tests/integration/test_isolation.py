"""Child processes that process uploads or run engines receive no secret and have no network."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import structlog

from echo_common import child_environment
from echo_common.sandbox import run_sandboxed
from echo_synthesis.engine import EngineConfig
from echo_synthesis.engines import discover
from echo_synthesis.pool.engine_worker import EngineWorker, WorkerLimits
from tests.support.requirements import Missing, Require

SECRETS = {
    "ECHO_DATABASE_URL": "mongodb://synthesis:hidden@mongodb/",
    "ECHO_BUS_URL": "amqp://synthesis:hidden@rabbitmq/",
    "ECHO_OBJECTS_SECRET_KEY": "hidden",
    "ECHO_AUTH_SECRET": "hidden",
    "ECHO_FEEDBACK_SECRET": "hidden",
    "ECHO_SYNTHESIS_GEMINI_API_KEY": "hidden",
    "ECHO_VOICE_FISH_API_KEY": "hidden",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "OTEL_EXPORTER_OTLP_HEADERS": "hidden",
}


@pytest.fixture(autouse=True)
def service_with_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def namespaces(require: Require) -> None:
    """Skip tests on platforms without network namespaces."""
    found = child_environment.network_can_be_cut() or Missing("network namespaces are not permitted here")
    require("network-namespaces", found)


@pytest.fixture
def port() -> Iterator[int]:
    """A listening port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def engine_worker(name: str, folder: Path) -> EngineWorker:
    return EngineWorker(discover({name})[name], EngineConfig(models=folder), WorkerLimits())


def process_of(worker: EngineWorker) -> psutil.Process:
    assert worker._process is not None
    return psutil.Process(worker._process.pid)


def network_of(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/ns/net").readlink().name


async def test_sandboxed_processes_receive_no_secret(port: int) -> None:
    seen = await run_sandboxed("tests.support.sandbox_probe", port, seconds=60)

    assert seen is not None
    assert "hidden" not in " ".join(seen["environment"].values())
    assert seen["environment"]["OMP_NUM_THREADS"] == "1"


async def test_sandboxed_processes_have_no_network(port: int, namespaces: None) -> None:
    seen = await run_sandboxed("tests.support.sandbox_probe", port, seconds=60)

    assert seen is not None
    assert not seen["reached"]


async def test_engine_workers_receive_no_secret(tmp_path: Path) -> None:
    worker = engine_worker("tone", tmp_path)
    try:
        await worker.start()
        assert "hidden" not in " ".join(process_of(worker).environ().values())
    finally:
        await worker.close()


async def test_local_engine_workers_have_no_network(tmp_path: Path, namespaces: None) -> None:
    worker = engine_worker("tone", tmp_path)
    try:
        await worker.start()
        assert network_of(process_of(worker)) != network_of(psutil.Process())
    finally:
        await worker.close()


def test_remote_engines_receive_only_their_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")

    environment = child_environment.scrubbed_environment(threads=1, settings="ECHO_SYNTHESIS_GEMINI_", network=True)

    assert {name for name in environment if environment[name] == "hidden"} == {"ECHO_SYNTHESIS_GEMINI_API_KEY"}
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"


async def test_without_network_namespaces_children_run_and_a_warning_is_logged_once(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_environment, "network_can_be_cut", lambda: False)
    child_environment._note_network_isolation.cache_clear()
    with structlog.testing.capture_logs() as logs:
        seen = await asyncio.gather(*(run_sandboxed("tests.support.sandbox_probe", port, seconds=60) for _ in range(2)))
    child_environment._note_network_isolation.cache_clear()

    assert None not in seen
    assert [entry["event"] for entry in logs] == ["child_network_not_isolated"]
