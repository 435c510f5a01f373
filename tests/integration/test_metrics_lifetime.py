"""The metrics of a process keep no stopped service in memory."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.dependencies import models
from pydantic import SecretStr

from echo_common.bus.inproc import InprocBroker
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings
from echo_feedback.main import service as feedback
from echo_feedback.settings import FeedbackSettings
from echo_gateway.main import service as gateway
from echo_gateway.settings import GatewaySettings
from echo_synthesis.main import service as synthesis
from echo_synthesis.settings import SynthesisSettings
from tests.support.database import Database

Build = Callable[[Path], Service[Any]]


def build_feedback(_: Path) -> Service[Any]:
    return feedback(FeedbackSettings(secret=SecretStr("a secret of thirty-two characters")))


def build_gateway(_: Path) -> Service[Any]:
    return gateway(GatewaySettings())


def build_synthesis(folder: Path) -> Service[Any]:
    return synthesis(SynthesisSettings(engines=("tone",), default_voice="tone_low", workers=1, models=folder))


@pytest.mark.parametrize(
    ("build", "measured"), [(build_feedback, ()), (build_gateway, ("response_cache",)), (build_synthesis, ("cache", "pool"))]
)
async def test_the_metrics_keep_no_stopped_service(
    build: Build, measured: tuple[str, ...], database: Database, tmp_path: Path
) -> None:
    settings = CommonSettings(
        listen=f"unix://{tmp_path}/service.sock",
        auth_url=f"unix://{tmp_path}/auth.sock",
        database_url=SecretStr(database.url),
        database_prefix=database.prefix,
        bus_url=SecretStr("inproc://"),
        objects_url=f"file://{tmp_path}/objects",
    )
    process = Process(broker=InprocBroker())

    async def run() -> list[weakref.ref[Any]]:
        async with build(tmp_path).running(settings, process) as app:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as http:
                assert (await http.get("/healthz")).status_code == 200
            await process.metrics.exposition()
            return [weakref.ref(part) for part in (app, *(getattr(app.state.dependencies, name) for name in measured))]

    stopped = await run()
    for cached in vars(models).values():  # FastAPI's caches of endpoints keep applications too
        if clear := getattr(cached, "cache_clear", None):
            clear()
    gc.collect()
    assert [part() for part in stopped] == [None] * len(stopped)
    assert b"process_resident_memory_bytes" in await process.metrics.exposition()
