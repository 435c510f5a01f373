"""Tests of running a service as a process, and of its refusals to start."""

import logging
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog
from fastapi import FastAPI

from echo_auth.oidc_settings import OidcSettings
from echo_auth.settings import AuthSettings
from echo_common.errors import EchoError
from echo_common.process import raise_open_files, run
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings


@pytest.fixture(autouse=True)
def logging_is_left_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def needs_its_settings() -> Service[None]:
    AuthSettings()
    return Service("auth", nothing, [])


class CannotHaveWhatItNeeds(Service[None]):
    @asynccontextmanager
    async def running(self, settings: CommonSettings, process: Process) -> AsyncIterator[FastAPI]:
        if settings.listen:
            raise EchoError("The house is on fire.")
        yield FastAPI()


@asynccontextmanager
async def nothing(_: object) -> AsyncIterator[None]:
    yield None


def refusal(make: Callable[[], Service[None]], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        run(make)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_invalid_settings_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("ECHO_LOG_LEVEL", "loud")

    assert "The setting ECHO_LOG_LEVEL is not valid" in refusal(needs_its_settings, capsys)


@pytest.mark.parametrize("listen", ["http://0.0.0.0:8000", "http://192.168.1.7:8000", "http://[::]:8000", "http://example.com"])
def test_the_api_without_a_token_is_refused_on_reachable_addresses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listen: str
):
    monkeypatch.setenv("ECHO_API_WITHOUT_TOKEN", "true")
    monkeypatch.setenv("ECHO_LISTEN", listen)

    told = refusal(needs_its_settings, capsys)

    assert "The setting ECHO_API_WITHOUT_TOKEN is not valid: it is accepted only on a loopback address" in told


@pytest.mark.parametrize("listen", ["http://127.0.0.1:8000", "http://localhost:80", "http://[::1]:80", "unix:///run/echo.sock"])
def test_the_api_without_a_token_is_accepted_on_loopback(monkeypatch: pytest.MonkeyPatch, listen: str):
    monkeypatch.setenv("ECHO_LISTEN", listen)
    assert not CommonSettings().api_without_token
    monkeypatch.setenv("ECHO_API_WITHOUT_TOKEN", "true")
    assert CommonSettings().api_without_token


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://echo.example.com", "https://echo.example.com/api", "https://a@echo.example.com"]
)
def test_public_urls_that_are_no_origin_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
):
    monkeypatch.setenv("ECHO_PUBLIC_URL", url)

    assert "The setting ECHO_PUBLIC_URL is not valid: it must be a URL" in refusal(needs_its_settings, capsys)


def test_public_urls_are_normalised(monkeypatch: pytest.MonkeyPatch):
    assert CommonSettings().public_url == "http://localhost:8080"
    monkeypatch.setenv("ECHO_PUBLIC_URL", "https://Echo.example.com/")
    assert CommonSettings().public_url == "https://echo.example.com"


def test_service_settings_are_named_and_their_values_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("ECHO_AUTH_SECRET", "too short")

    said = refusal(needs_its_settings, capsys)

    assert "The setting ECHO_AUTH_SECRET is not valid" in said
    assert "too short" not in said.replace("at least", "")


def test_settings_of_every_class_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("ECHO_AUTH_OIDC_ISSUER", "http://login.example.com")

    def needs_an_issuer() -> Service[None]:
        OidcSettings()
        return Service("auth", nothing, [])

    assert refusal(needs_an_issuer, capsys) == "The setting ECHO_AUTH_OIDC_ISSUER is not valid: it must be an https:// URL.\n"
    monkeypatch.setenv("ECHO_AUTH_OIDC_ISSUER", "https://login.example.com")
    told = "The settings are not valid: ECHO_AUTH_OIDC_ISSUER needs ECHO_AUTH_OIDC_CLIENT_ID.\n"
    assert refusal(needs_an_issuer, capsys) == told


def test_startup_obstacles_are_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("ECHO_LISTEN", "http://127.0.0.1:0")

    assert refusal(lambda: CannotHaveWhatItNeeds("auth", nothing, []), capsys) == "auth cannot start: The house is on fire.\n"


def test_the_open_file_limit_is_raised_to_the_maximum() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65_536), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
