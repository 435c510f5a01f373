"""`echoctl stats`, `errors` and `top`: they need a running platform, and no text of it controls the terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner, Result

from echo_embedded.cli import app

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e[/bold][red]\nline\x7f"
SHOWN = "[2J]0;title31m[/bold][red]line"
COMMANDS = [["stats"], ["errors"], ["top", "--once"]]

STATISTICS: dict[str, Any] = {
    "unavailable": [HOSTILE],
    "users": {HOSTILE: 1},
    "jobs": {HOSTILE: 2},
    "queues": [{"service": HOSTILE, "queue": HOSTILE, "pending": 1, "age_seconds": 0.0}],
    "engines": [dict.fromkeys(("engine", "state", "workers", "busy", "queued", "restarts"), HOSTILE)],
    "storage": [{"service": HOSTILE, "stored_bytes": 1}],
    "last_day": None,
}
ENTRY = dict.fromkeys(
    ("id", "service", "count", "error_type", "subject", "error_message", "request_id", "stack_trace"), HOSTILE
) | {"last_at": "2026-01-31T10:00:00Z"}
HEALTH = {"status": HOSTILE, "services": {HOSTILE: {"status": HOSTILE, "reason": HOSTILE}}}


@pytest.fixture
async def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A gateway whose responses consist of control characters."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bodies = {
        "/api/v1/admin/stats": {"data": STATISTICS},
        "/api/v1/admin/errors": {"data": [ENTRY]},
        "/health": HEALTH,
    }

    async def respond(request: web.Request) -> web.Response:
        if request.path == "/api/v1/auth/login":
            if (await request.json())["password"] != "right":
                return web.json_response({"error": {"code": HOSTILE, "message": HOSTILE}}, status=401)
            return web.json_response({"data": {"access_token": "token", "expires_in": 900}})
        return web.json_response(bodies[request.path])

    gateway = web.Application()
    gateway.router.add_route("*", "/{path:.*}", respond)
    async with TestServer(gateway) as server:
        yield str(server.make_url("/"))


async def run(url: str, *arguments: str, password: str = "right") -> Result:
    access = ["--server", url, "--email", "admin@example.com", "--password", password]
    return await asyncio.to_thread(CliRunner(env={"COLUMNS": "400"}).invoke, app, [*arguments, *access])


def assert_printable(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in text), repr(text)


@pytest.mark.parametrize("command", [["stats"], ["errors", "--stacks"], ["top", "--once"]], ids=" ".join)
async def test_entries_cannot_control_the_terminal(url: str, command: list[str]) -> None:
    told = await run(url, *command)
    assert told.exit_code == 0, told.output
    assert_printable(told.output)
    assert SHOWN in told.output


@pytest.mark.parametrize(("command", "value"), [("stats", STATISTICS), ("errors", [ENTRY])])
async def test_json_keeps_the_entries_and_cannot_control_the_terminal(url: str, command: str, value: Any) -> None:
    told = await run(url, command, "--json")
    assert_printable(told.output)
    assert json.loads(told.stdout) == value


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_refusals_cannot_control_the_terminal(url: str, command: list[str]) -> None:
    told = await run(url, *command, password="wrong")
    assert (told.exit_code, told.stdout, told.stderr) == (2, "", f"{SHOWN}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_platform_is_started(command: list[str], tmp_path: Path) -> None:
    told = CliRunner().invoke(app, [*command, "--data", str(tmp_path / "data")])
    assert told.exit_code == 2
    assert told.stdout == ""
    assert told.stderr == (
        f"No platform is running on the data folder {tmp_path}/data. Start one with `echoctl serve`, "
        "or name a running one with --data (ECHO_DATA) or --server (ECHO_SERVER).\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_an_unreachable_platform_is_named(command: list[str]) -> None:
    told = await run("http://127.0.0.1:9", *command)
    assert told.exit_code == 2
    assert told.stderr.startswith("No platform responds at http://127.0.0.1:9. Start one with `echoctl serve`")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_remote_platform_needs_a_user(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--server", "http://127.0.0.1:9"])
    assert told.exit_code == 2
    assert told.stderr == "--server needs --email and --password (or ECHO_EMAIL and ECHO_PASSWORD).\n"


def test_a_live_view_needs_a_terminal(tmp_path: Path) -> None:
    told = CliRunner(env={"FORCE_COLOR": "1"}).invoke(app, ["top", "--data", str(tmp_path / "data")])
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == "`echoctl top` needs a terminal; use `echoctl top --once` to print the state once.\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_names_the_platform_that_is_read(command: list[str]) -> None:
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, [command[0], "--help"])
    assert "Reads a running platform: the one on the data folder, or the one at --server." in told.stdout
