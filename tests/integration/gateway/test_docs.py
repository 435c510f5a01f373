"""Tests of the API reference page and of the allowed methods of a path."""

import re

import pytest

from tests.integration.gateway.conftest import Gateway, Start


@pytest.mark.slow
async def test_the_root_links_to_a_self_contained_page(gateway: Gateway) -> None:
    async with gateway.ask("GET", "/", headers={}) as response:
        where = (await response.json())["docs"]
    async with gateway.ask("GET", where, headers={}) as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert "'unsafe" not in policy
    assert "http" not in policy
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assets = re.findall(r'(?:src|href)="(/[^"]*)"', page)
    assert len(assets) == 5
    for asset in assets:
        async with gateway.ask("GET", asset, headers={}) as response:
            assert response.status == 200, asset


async def test_the_page_is_cached_until_it_changes(gateway: Gateway) -> None:
    async with gateway.ask("GET", "/docs/swagger-ui-bundle.js", headers={}) as response:
        known = response.headers["ETag"]
    async with gateway.ask("GET", "/docs/swagger-ui-bundle.js", headers={"If-None-Match": known}) as response:
        assert response.status == 304


async def test_only_the_files_of_the_page_are_served(gateway: Gateway) -> None:
    for name, status in (("__init__.py", 422), ("..%2fmain.py", 404), ("redoc.standalone.js", 422)):
        async with gateway.ask("GET", f"/docs/{name}", headers={}) as response:
            assert response.status == status, name


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/job", "GET, POST"),
        ("/api/v1/job/job_1", "DELETE, GET, PATCH, PUT"),
        ("/api/v1/tts/synthesize/stream", "GET, POST"),
        ("/", "GET"),
    ],
)
async def test_method_errors_list_all_allowed_methods(gateway: Gateway, path: str, methods: str) -> None:
    async with gateway.ask("TRACE", path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == methods
        assert (await response.json())["error"]["code"] == "METHOD_NOT_ALLOWED"


async def test_refusals_of_the_gateway_on_echo_api_paths_are_plain(start: Start) -> None:
    async with start(limit_user=2) as gateway:
        for method, path, status in (
            ("PUT", "/api/upload-reference", 405),
            ("GET", "/api/nothing", 404),
            ("GET", "/api/voice-models", 429),
        ):
            async with gateway.ask(method, path) as response:
                assert response.status == status
                assert list(await response.json()) == ["error"]
