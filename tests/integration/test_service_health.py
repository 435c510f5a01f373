"""A service alone in a process reports its health."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from echo_common.bus.inproc import InprocBroker
from echo_common.http.client import ServiceClient
from echo_common.http.server import serving
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings
from echo_feedback.main import service as feedback
from echo_feedback.settings import FeedbackSettings
from tests.support.database import Database


@pytest.mark.parametrize(
    "service",
    [feedback(FeedbackSettings(secret=SecretStr("a secret of thirty-two characters")))],
    ids=lambda service: service.name,
)
async def test_a_service_reports_its_health(service: Service[Any], database: Database, tmp_path: Path):
    settings = CommonSettings(
        listen=f"unix://{tmp_path}/{service.name}.sock",
        auth_url=f"unix://{tmp_path}/auth.sock",
        database_url=SecretStr(database.url),
        database_prefix=database.prefix,
        bus_url=SecretStr("inproc://"),
        objects_url=f"file://{tmp_path}/objects",
    )
    async with (
        service.running(settings, Process(broker=InprocBroker())) as app,
        serving(app, settings.listen) as url,
        ServiceClient.open(service.name, url) as client,
    ):
        health = await client.request("GET", "/health")

        assert health["service"] == service.name
        assert {name: part["status"] for name, part in health["parts"].items()} == {
            "database": "ok",
            "bus": "ok",
            "storage": "ok",
        }
        assert await client.request("GET", "/healthz") == {"status": "ok"}
