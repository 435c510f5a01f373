"""Cross-origin requests of browsers."""

import pytest

from tests.integration.gateway.conftest import Start

STUDIO = "https://studio.example.com"
ASKED = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-refresh-token",
}


async def test_listed_origins_may_send_credentials(start: Start) -> None:
    async with start(cors_origins=f"{STUDIO},https://other.example.com") as gateway:
        async with gateway.ask("OPTIONS", "/api/v1/auth/refresh", headers={"Origin": STUDIO, **ASKED}) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == STUDIO
            assert response.headers["Access-Control-Allow-Credentials"] == "true"
            assert "POST" in response.headers["Access-Control-Allow-Methods"].split(", ")
            assert "x-refresh-token" in response.headers["Access-Control-Allow-Headers"]
            assert "Origin" in response.headers["Vary"]
        async with gateway.ask("GET", "/api/v1/voices", headers={"Origin": STUDIO, "Cookie": "echo_refresh=x"}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == STUDIO
            assert response.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "https://studio.example.com.evil.example", "http://studio.example.com"]
)
async def test_other_origins_are_refused(start: Start, origin: str) -> None:
    async with start(cors_origins=STUDIO) as gateway:
        async with gateway.ask("OPTIONS", "/api/v1/auth/refresh", headers={"Origin": origin, **ASKED}) as response:
            assert response.status == 400
            assert "Access-Control-Allow-Origin" not in response.headers
        async with gateway.ask("GET", "/api/v1/voices", headers={"Origin": origin}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_all_origins_never_send_credentials(start: Start) -> None:
    async with start(cors_origins="*") as gateway:
        for method, more in (("OPTIONS", ASKED), ("GET", {})):
            async with gateway.ask(method, "/api/v1/voices", headers={"Origin": STUDIO, "Cookie": "a=b", **more}) as response:
                assert "Access-Control-Allow-Credentials" not in response.headers


async def test_without_listed_origins_there_is_no_cors(start: Start) -> None:
    async with start() as gateway, gateway.ask("GET", "/api/v1/voices", headers={"Origin": STUDIO}) as response:
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
