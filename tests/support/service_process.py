"""A service in a child process for crash tests: `python -m tests.support.service_process SERVICE`, settings from the environment."""

import asyncio
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echo_common.bus.inproc import InprocBroker
from echo_common.process import stop_signal
from echo_common.service import Process, Service
from echo_common.settings import CommonSettings

if TYPE_CHECKING:  # the process needs neither other services nor the tests' databases; their imports take seconds
    from tests.support.database import Database

LIFETIME = 60.0


def run_until_dead(
    database: "Database", folder: Path, fault_point: str, *, service: str = "synthesis", **settings: str
) -> None:
    """Run on the database and folder of a test replica up to the fault point; fail when it is not reached."""
    environment = {
        **os.environ,
        "ECHO_DATABASE_URL": database.url,
        "ECHO_DATABASE_PREFIX": database.prefix,
        "ECHO_BUS_URL": "inproc://",
        "ECHO_OBJECTS_URL": f"file://{folder}/objects",
        "ECHO_AUTH_URL": "http://127.0.0.1:9",
        "ECHO_FAULT_POINT": fault_point,
        "ECHO_SYNTHESIS_ENGINES": "tone",
        "ECHO_SYNTHESIS_DEFAULT_VOICE": "tone_low",
        "ECHO_SYNTHESIS_WORKERS": "1",
        "ECHO_SYNTHESIS_MODELS": str(folder),
        "ECHO_SYNTHESIS_LEASE_SECONDS": "2",
        "ECHO_VOICE_PROVIDERS": "tone",
        "ECHO_VOICE_VECTORS_URL": f"file://{folder}/vectors",
        "ECHO_VOICE_RECOGNISER": "no",
        "ECHO_VOICE_MODELS": str(folder),
        "ECHO_VOICE_LEASE_SECONDS": "2",
        "ECHO_LISTENING_LEASE_SECONDS": "2",
        **settings,
    }
    command = [sys.executable, "-m", __name__, service]
    died = subprocess.run(command, env=environment, timeout=LIFETIME, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2_000:]


async def _live(service: str) -> None:
    described: Service[Any] = import_module(f"echo_{service}.main").service()
    async with described.running(CommonSettings(), Process(broker=InprocBroker())):
        await stop_signal().wait()


if __name__ == "__main__":
    asyncio.run(_live(sys.argv[1]))
