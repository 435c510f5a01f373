"""The gateway combines the current statistics of all services, also while some do not respond."""

from typing import Any

from echo_common.contracts.http.statistics import MEASUREMENTS_PATH
from tests.integration.gateway.conftest import Gateway
from tests.support.upstream import Exchange, Upstream

QUEUE = {"queue": "jobs", "pending": 3, "age_seconds": 1.5}


async def statistics(gateway: Gateway) -> tuple[int, dict[str, Any]]:
    async with gateway.ask("GET", "/api/v1/admin/stats", headers=gateway.bearer(scope="admin")) as response:
        return response.status, await response.json()


async def test_parts_of_services_are_combined(gateway: Gateway, synthesis: Upstream, voice: Upstream) -> None:
    async def measured(exchange: Exchange) -> None:
        assert exchange.asked.target == MEASUREMENTS_PATH
        await exchange.json({"queues": [QUEUE], "storage_bytes": 7})

    synthesis.answer = measured
    voice.answer = lambda exchange: exchange.json({"code": "SERVICE_UNAVAILABLE", "message": "No."}, 503)
    status, body = await statistics(gateway)
    assert status == 200
    found = body["data"]
    assert found["queues"] == [{"service": "synthesis", **QUEUE}]
    assert found["storage"] == [{"service": "synthesis", "stored_bytes": 7}]
    assert "voice" in found["unavailable"]
    assert "synthesis" not in found["unavailable"]
    assert found["jobs"] is None


async def test_statistics_are_for_administrators(gateway: Gateway) -> None:
    async with gateway.ask("GET", "/api/v1/admin/stats") as response:
        assert response.status == 403
