"""Dead letters of all services, through the gateway."""

from typing import Any

import pytest

from tests.integration.gateway.conftest import EVERYTHING, Gateway
from tests.support.upstream import Exchange, Upstream

PATH = "/api/v1/admin/dead-letters"


def letter(number: int) -> dict[str, Any]:
    return {
        "id": f"evt_{number}",
        "service": "synthesis",
        "topic": "voice.voice_model_ready",
        "event_version": 1,
        "error": "KeyError()",
        "attempts": 5,
        "died_at": f"2026-01-0{number}T10:00:00Z",
    }


@pytest.fixture
def asked(synthesis: Upstream) -> list[str]:
    """Requests to synthesis, which has two dead letters and replays only the first."""
    asked: list[str] = []

    async def answer(exchange: Exchange) -> None:
        target = exchange.asked.target
        asked.append(f"{exchange.asked.method} {target}")
        if target.startswith("/internal/dead-letters?"):
            await exchange.json([letter(1), letter(2)])
        elif target == "/internal/dead-letters/evt_1":
            await exchange.json(letter(1) | {"body": {}, "headers": {}})
        elif target == "/internal/dead-letters/evt_1/replay":
            await exchange.json(None)
        else:
            error = {"code": "DEAD_LETTER_NOT_FOUND", "message": "There is no such dead letter."}
            await exchange.json(error, status=404)

    synthesis.answer = answer
    return asked


def admin(gateway: Gateway) -> dict[str, str]:
    return gateway.bearer(role="admin", scope=f"{EVERYTHING} admin")


async def test_administrators_list_dead_letters_newest_first(gateway: Gateway, asked: list[str]) -> None:
    path = f"{PATH}?service=synthesis&topic=voice.voice_model_ready&limit=5"
    async with gateway.ask("GET", path, headers=admin(gateway)) as response:
        body = await response.json()
    assert [found["id"] for found in body["data"]] == ["evt_2", "evt_1"]
    assert asked == ["GET /internal/dead-letters?limit=5&topic=voice.voice_model_ready"]


async def test_administrators_read_and_replay_a_dead_letter(gateway: Gateway, asked: list[str]) -> None:
    async with gateway.ask("GET", f"{PATH}/synthesis/evt_1", headers=admin(gateway)) as response:
        assert (response.status, (await response.json())["data"]["id"]) == (200, "evt_1")
    body = {"service": "synthesis", "id": "evt_1"}
    async with gateway.ask("POST", PATH, headers=admin(gateway), json=body) as response:
        assert response.status == 200
    assert asked[-1] == "POST /internal/dead-letters/evt_1/replay"


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"service": "synthesis", "id": "evt_9"}, (404, "DEAD_LETTER_NOT_FOUND")),
        ({"service": "nobody", "id": "evt_1"}, (422, "VALIDATION_ERROR")),
        ({"id": "evt_1"}, (422, "VALIDATION_ERROR")),
        ({"service": "synthesis", "id": "../../job/job_1"}, (404, "DEAD_LETTER_NOT_FOUND")),
    ],
)
async def test_unreplayable_dead_letters_are_refused(
    gateway: Gateway, asked: list[str], body: dict[str, str], refused: tuple[int, str]
) -> None:
    async with gateway.ask("POST", PATH, headers=admin(gateway), json=body) as response:
        assert (response.status, (await response.json())["error"]["code"]) == refused


async def test_users_are_refused(gateway: Gateway, asked: list[str]) -> None:
    for method, path in (("GET", PATH), ("GET", f"{PATH}/synthesis/evt_1"), ("POST", PATH)):
        async with gateway.ask(method, path) as response:
            assert response.status == 403
    assert asked == []
