"""The platform under test, started like a user's and called through its public API."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from echo_common.contracts.system_settings import ANONYMOUS_REQUESTS, CREDENTIAL_REQUESTS, QUOTAS, REQUESTS_PER_MINUTE
from echo_common.contracts.values import Plan
from echo_embedded.data_folder import DataFolder
from echo_embedded.settings import HostSettings

_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_IDLE_SECONDS = 3
_IDLE_SHARE = 0.1
"""Processor seconds a second of an idle platform at most."""
_IDLE_WITHIN_SECONDS = 60.0


_UNLIMITED = {by_plan[plan].key: 0 for by_plan in (REQUESTS_PER_MINUTE, *QUOTAS.values()) for plan in (Plan.USER, Plan.PREMIUM)}
_UNLIMITED |= {ANONYMOUS_REQUESTS.key: 0, CREDENTIAL_REQUESTS.key: 0}  # the client of the benchmarks is one address


@dataclass(frozen=True)
class Stage:
    """A running platform with a logged-in session. `started_in` is the seconds from the command to readiness."""

    url: str
    process: psutil.Process
    session: aiohttp.ClientSession
    models: Path
    started_in: float
    login: Mapping[str, str]

    @classmethod
    @asynccontextmanager
    async def open(cls, models: Path | None = None) -> "AsyncIterator[Stage]":
        """Run a platform on a fresh data folder while the context is open."""
        with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
            async with serving(Path(data), models) as stage:
                yield stage

    async def log_in(self) -> None:
        """Get a new token, because some measures outlast a token."""
        async with self.session.post("/api/v1/auth/login", json=self.login) as answer:
            answer.raise_for_status()
            token = json.loads(await answer.text())["data"]["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    async def synthesize(self, text: str, voice: str, output_format: str = "wav", **options: object) -> dict[str, Any]:
        """Synthesise through the gateway and return the result."""
        body = {"text": text, "voice_id": voice, "config": {"output_format": output_format, **options}}
        async with self.session.post("/api/v1/tts/synthesize", json=body) as answer:
            answer.raise_for_status()
            result: dict[str, Any] = (await answer.json())["data"]
            return result

    async def first_byte(self, text: str, voice: str, *, latency: str = "normal") -> tuple[float, float]:
        """Return the seconds to the first and to the last byte of a stream; PCM, because a WAV header does not count."""
        body = {"text": text, "voice_id": voice, "config": {"output_format": "pcm"}, "latency": latency}
        started = time.perf_counter()
        first = 0.0
        async with self.session.post("/api/v1/tts/synthesize/stream", json=body) as answer:
            answer.raise_for_status()
            async for _ in answer.content.iter_any():
                first = first or time.perf_counter() - started
        return first, time.perf_counter() - started

    async def until_idle(self) -> None:
        """Wait until the platform has used next to no processor time for a while: its engines have prepared then."""
        idle, before = 0, self._processor_seconds()
        async with asyncio.timeout(_IDLE_WITHIN_SECONDS):
            while idle < _IDLE_SECONDS:
                await asyncio.sleep(1)
                now = self._processor_seconds()
                idle, before = idle + 1 if now - before < _IDLE_SHARE else 0, now

    def _processor_seconds(self) -> float:
        times = [process.cpu_times() for process in [self.process, *self.process.children(recursive=True)]]
        return sum(each.user + each.system for each in times)

    def memory(self) -> int:
        """Return the resident bytes of all processes of the platform."""
        return sum(process.memory_info().rss for process in [self.process, *self.process.children(recursive=True)])


@asynccontextmanager
async def serving(data: Path, models: Path | None, **settings: str) -> AsyncIterator[Stage]:
    """Run a platform on a data folder and log in. `settings` are environment variables."""
    chosen = models or HostSettings().models
    command = [sys.executable, "-m", "echo_embedded", "serve", "--data", str(data), "--port", "0", "--models", str(chosen)]
    started = time.perf_counter()
    environment = {**os.environ, "ECHO_AUTH_SYSTEM_SETTINGS": json.dumps(_UNLIMITED), **settings}
    said = data / "said.txt"
    with said.open("wb") as output:
        child = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)
    try:
        if (url := await _announced(DataFolder(data), child)) is None:
            raise RuntimeError(f"The platform did not start. {said.read_text().strip()[-500:]}")
        took = time.perf_counter() - started
        async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=600)) as session:
            secrets = DataFolder(data).secrets()
            login = {"email": secrets.admin_email, "password": secrets.admin_password}
            stage = Stage(url, psutil.Process(child.pid), session, chosen, took, login)
            await stage.log_in()
            yield stage
    finally:
        if child.returncode is None:
            child.terminate()
            await asyncio.wait_for(child.wait(), _STOP_SECONDS)


async def _announced(folder: DataFolder, child: asyncio.subprocess.Process) -> str | None:
    deadline = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < deadline and child.returncode is None:
        if (running := folder.running()) is not None:
            return running.url
        await asyncio.sleep(0.02)
    return None
