"""The whole platform in both modes, started as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import Plan
from echo_common.http.client import ServiceClient
from echo_embedded.broker import local_node
from echo_embedded.data_folder import DataFolder, Secrets
from tests.support.collector import Collector, collecting
from tests.support.openai_server import say
from tests.support.provider import Provider
from tests.support.requirements import Missing, Require
from tests.support.secrets import secrets_in
from tests.support.spotify_server import CLIENT_ID, SpotifyServer

START_SECONDS = 90.0
FORMS = {"embedded": "serve", "distributed": "local"}
TONE = {
    "ECHO_SYNTHESIS_ENGINES": "tone",
    "ECHO_SYNTHESIS_DEFAULT_VOICE": "tone_low",
    "ECHO_VOICE_PROVIDERS": "tone",
    "ECHO_VOICE_RECOGNISER": "false",
}
QUICK = {
    "ECHO_AUTH_PASSWORD_ROUNDS": "1",
    "ECHO_AUTH_PASSWORD_MEMORY_KIB": "1024",
    "ECHO_AUTH_SYSTEM_SETTINGS": json.dumps(
        {f"limits.{kind}.requests_per_minute": 0 for kind in ("anonymous", "credentials", "user")}
        | {by_plan[plan].key: 0 for by_plan in QUOTAS.values() for plan in (Plan.USER, Plan.PREMIUM)}
    ),
    "ECHO_SYNTHESIS_LEASE_SECONDS": "2",
    "ECHO_SYNTHESIS_SPEAK_SECONDS": "3",
    "ECHO_FEEDBACK_WEBHOOK_NETWORKS": "192.0.2.0/24,127.0.0.1/32",  # of tests/support/owned_data.py, and of this machine
    "ECHO_FEEDBACK_WEBHOOK_HTTP": "true",
    "ECHO_OTLP_METRIC_SECONDS": "5",
    "ECHO_GATEWAY_TRUST_TRACEPARENT": "true",  # tests choose the ids of their traces, and read all of their spans
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
}


@dataclass
class Platform:
    """A platform that runs as a child process."""

    form: str
    folder: DataFolder
    process: subprocess.Popen[bytes]
    output: Path
    collector: Collector

    @property
    def url(self) -> str:
        running = self.folder.running()
        assert running is not None, self.said
        return running.url

    async def health(self) -> dict[str, Any]:
        """Return the detailed health from the internal listener."""
        running = self.folder.running()
        assert running is not None, self.said
        async with ServiceClient.open("gateway", running.internal) as client:
            health: dict[str, Any] = await client.request("GET", "/health")
            return health

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def admin(self) -> Secrets:
        found = self.folder.known_secrets()
        assert found is not None
        return found

    def pids(self) -> dict[str, int]:
        """Return the current processes by name."""
        running = self.folder.running()
        return {} if running is None else running.processes

    def family(self) -> list[psutil.Process]:
        """Return the process and its descendants."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def remains(self) -> list[psutil.Process]:
        """Return all running processes of this platform."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("ECHO_OTLP_ENDPOINT") == self.collector.url
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.folder.running() is None:
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"not ready: {self.said}"
            time.sleep(0.05)

    def stop(self, sign: signal.Signals = signal.SIGINT, within: float = 30.0) -> int:
        self.process.send_signal(sign)
        return self.process.wait(within)


@contextmanager
def started(form: str, folder: Path, *, settings: Mapping[str, str], data: Path | None = None) -> Iterator[Platform]:
    """Run a platform on its own data folder (`data`, by default below `folder`), stopped at the end."""
    data = data or folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "output.txt"
    command = [sys.executable, "-m", "echo_embedded", FORMS[form], "--data", str(data), "--port", "0"]
    with collecting() as collector, output.open("wb") as file:
        environment = {**os.environ, **QUICK, **settings, "ECHO_OTLP_ENDPOINT": collector.url}
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=folder, start_new_session=True)
        platform = Platform(form, DataFolder(data), process, output, collector)
        try:
            platform.wait_ready()
            yield platform
        finally:
            end(platform)


def end(platform: Platform) -> None:
    if platform.process.poll() is not None:
        return
    family = platform.family()
    try:
        platform.stop()
    except subprocess.TimeoutExpired:
        for member in family:
            if member.is_running():
                member.kill()
        platform.process.wait()


def require_form(form: str, require: Require, scratch: Path) -> None:
    """Skip the test when the distributed mode lacks RabbitMQ's server on this machine."""
    if form == "distributed":
        require("rabbitmq-node", local_node(scratch) or Missing("no rabbitmq-server installed"))


@pytest.fixture(scope="session")
def chat() -> Iterator[Provider]:
    """The language model of the platform, which replies with two sentences unless a test scripts another reply."""
    with Provider(say("Good ", "morning. ", "How are ", "you?")).serving() as server:
        yield server


@pytest.fixture(scope="session")
def spotify() -> Iterator[SpotifyServer]:
    """Spotify of the platform; each test has a user of its own there."""
    with SpotifyServer.serving() as server:
        yield server


@pytest.fixture(scope="session", params=FORMS)
def platform(
    request: pytest.FixtureRequest,
    require: Require,
    tmp_path_factory: pytest.TempPathFactory,
    chat: Provider,
    spotify: SpotifyServer,
) -> Iterator[Platform]:
    """A platform with the tone engine, shared by all tests; each test has its own users."""
    folder = tmp_path_factory.mktemp(request.param)
    require_form(request.param, require, folder)
    settings = {
        **TONE,
        "ECHO_GATEWAY_TRUSTED_PROXIES": "127.0.0.1",  # tests give clients addresses of their own
        "ECHO_VOICE_CHAT_URL": f"{chat.url}/v1",
        "ECHO_VOICE_CHAT_MODEL": "test",
        "ECHO_LISTENING_SPOTIFY_CLIENT_ID": CLIENT_ID,
        "ECHO_LISTENING_SPOTIFY_ACCOUNTS_URL": spotify.url,
        "ECHO_LISTENING_SPOTIFY_API_URL": spotify.url,
        "ECHO_AUTH_SPOTIFY_CLIENT_ID": CLIENT_ID,
        "ECHO_AUTH_SPOTIFY_ACCOUNTS_URL": spotify.url,
        "ECHO_AUTH_SPOTIFY_API_URL": spotify.url,
    }
    with started(request.param, folder, settings=settings) as found:
        yield found
        secrets = found.admin
    logs = "\n".join(path.read_text(errors="replace") for path in found.folder.logs.rglob("*") if path.is_file())
    traces = "\n".join(str(span) for span in found.collector.spans)
    # the first start tells the operator the administrator's password
    said = found.said.replace(secrets.admin_password, "")
    assert list(secrets_in(said + logs + traces, secrets.admin_password, secrets.auth_secret, secrets.feedback_secret)) == []
