"""The client of `echoctl`: cached tokens and the report of errors."""

import asyncio
import errno
import io
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console
from typer.testing import CliRunner

from echo_common.contracts.values import AudioFormat
from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import RemoteError
from echo_embedded import dead_letters, say
from echo_embedded.cli import app
from echo_embedded.client import Client
from echo_embedded.data_folder import CannotStartError, DataFolder
from echo_embedded.tokens import TokenFile


class Gateway:
    """A gateway that accepts the token of the last login."""

    def __init__(self) -> None:
        self.logins = 0
        self.valid = ""
        self.app = web.Application()
        self.app.router.add_post("/api/v1/auth/login", self._log_in)
        self.app.router.add_get("/api/v1/voices", self._voices)
        self.app.router.add_get("/api/v1/job", self._limited)
        self.app.router.add_get("/api/v1/admin/mails", self._mails)

    async def _log_in(self, _: web.Request) -> web.Response:
        self.logins += 1
        self.valid = f"token-{self.logins}"
        return web.json_response({"data": {"access_token": self.valid, "expires_in": 900}})

    async def _voices(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            return web.json_response({"error": {"code": "UNAUTHENTICATED", "message": "Log in first."}}, status=401)
        return web.json_response({"data": []})

    async def _limited(self, _: web.Request) -> web.Response:
        problem = {"error": {"code": "RATE_LIMITED", "message": "Too many requests."}}
        return web.json_response(problem, status=429, headers={"Retry-After": "75"})

    async def _mails(self, request: web.Request) -> web.Response:
        """Return a page of 250 mails with the requested status."""
        limit, offset = int(request.query["limit"]), int(request.query["offset"])
        numbers = range(250)[offset : offset + limit]
        return web.json_response({"data": [{"id": f"mail_{n}", "status": request.query["status"]} for n in numbers]})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    async with TestServer(gateway.app) as server:
        yield str(server.make_url("/"))


async def list_voices(url: str, folder: DataFolder) -> None:
    async with Client.open(url) as client:
        await client.log_in("admin@echo.internal", "secret", folder.token)
        assert await client.call("GET", "/api/v1/voices") == []


async def test_commands_reuse_the_cached_token(gateway: Gateway, url: str, tmp_path: Path) -> None:
    for _ in range(3):
        await list_voices(url, DataFolder(tmp_path))

    assert gateway.logins == 1
    assert stat.S_IMODE((tmp_path / "token.json").stat().st_mode) == 0o600


async def test_tokens_of_remote_users_are_cached_apart(
    gateway: Gateway, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for email in ("ada@example.com", "ada@example.com", "eve@example.com"):
        async with Client.open(url) as client:
            await client.log_in(email, "secret", TokenFile.of(url, email))
            await client.call("GET", "/api/v1/voices")

    assert gateway.logins == 2
    files = list((tmp_path / "echo" / "tokens").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


async def test_an_expired_token_is_replaced(gateway: Gateway, url: str, tmp_path: Path) -> None:
    await list_voices(url, DataFolder(tmp_path))
    cached = json.loads((tmp_path / "token.json").read_text())
    (tmp_path / "token.json").write_text(json.dumps(cached | {"expires_at": time.time() - 1}))

    await list_voices(url, DataFolder(tmp_path))

    assert gateway.logins == 2


async def test_a_revoked_token_is_replaced(gateway: Gateway, url: str, tmp_path: Path) -> None:
    await list_voices(url, DataFolder(tmp_path))
    gateway.valid = "another"

    await list_voices(url, DataFolder(tmp_path))
    await list_voices(url, DataFolder(tmp_path))

    assert gateway.logins == 2


async def test_a_damaged_token_file_is_replaced(gateway: Gateway, url: str, tmp_path: Path) -> None:
    (tmp_path / "token.json").write_text("{")

    await list_voices(url, DataFolder(tmp_path))

    assert gateway.logins == 1


async def test_a_limited_request_reports_the_wait(url: str) -> None:
    async with Client.open(url) as client:
        with pytest.raises(RemoteError) as refused:
            await client.call("GET", "/api/v1/job")

    assert say.reason(refused.value) == "Too many requests. The wait is 0:01:15 (h:mm:ss)."


async def test_all_pages_of_mails_are_listed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    access = ["--server", url, "--email", "admin@example.com", "--password", "secret"]

    told = await asyncio.to_thread(CliRunner().invoke, app, ["mail", "list", *access, "--status", "logged", "--json"])

    mails = json.loads(told.stdout)
    assert len({mail["id"] for mail in mails}) == len(mails) == 250
    assert {mail["status"] for mail in mails} == {"logged"}


def test_an_unknown_voice_names_the_command_that_lists_them() -> None:
    error = RemoteError(404, "VOICE_NOT_FOUND", "There is no voice 'nobody'.")

    assert say.reason(error) == "There is no voice 'nobody'. List the voices with `echoctl voices`."


async def test_an_unwritable_output_is_reported_before_the_synthesis(gateway: Gateway, url: str, tmp_path: Path) -> None:
    wish = say.SpeechRequest("Hello.", None, None, 1.0, tmp_path, AudioFormat.WAV)

    async with Client.open(url) as client:
        with pytest.raises(CannotStartError, match=f"{tmp_path} cannot be written: Is a directory. Choose"):
            await say.say(client, wish, Console(quiet=True))


@pytest.mark.parametrize(
    "response",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(text="<html>", content_type="application/json"),
        web.Response(text="[" * 100_000, content_type="application/json"),
        web.json_response([]),
        web.json_response({"data": {"access_token": "token", "expires_in": "soon"}}),
        web.json_response({"data": {"access_token": "a\r\nHost: b", "expires_in": 900}}),
        web.Response(status=307, headers={"Location": "/login"}),
        web.json_response({"error": ["no"]}, status=401),
    ],
)
async def test_servers_other_than_echo_are_refused(response: web.Response, tmp_path: Path) -> None:
    async def log_in(_: web.Request) -> web.Response:
        return response

    async def redirected(_: web.Request) -> web.Response:
        raise AssertionError("The password was sent to another path.")

    app = web.Application()
    app.router.add_post("/api/v1/auth/login", log_in)
    app.router.add_post("/login", redirected)
    async with TestServer(app) as server:
        with pytest.raises(ServiceUnavailableError, match="does not answer like Echo"):
            await list_voices(str(server.make_url("/")), DataFolder(tmp_path))
    assert not (tmp_path / "token.json").exists()


def test_dead_letters_cannot_control_the_terminal() -> None:
    columns = ("id", "service", "topic", "died_at", "attempts", "error")
    console = Console(file=(output := io.StringIO()), width=200)

    console.print(dead_letters.table([dict.fromkeys(columns, "a\x1b[2J[/bold]\nb")]))

    assert output.getvalue().splitlines()[1].split() == ["a[2J[/bold]b"] * len(columns)


def test_a_full_disk_names_the_remedy() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "echo.tar")

    assert "'echo.tar'. Free space on the disk" in say.reason(error)
