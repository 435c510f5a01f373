"""Synthesis in a process of its own that a test wants dead: `python -m tests.support.mortal`, settings from the environment."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from echo_common.bus.inproc import InprocBroker
from echo_common.process import stop_signal
from echo_common.service import Process
from echo_common.settings import CommonSettings
from echo_synthesis.main import service
from tests.support.database import Database

LIFETIME = 60.0


def run_until_dead(database: Database, folder: Path, fault_point: str, **settings: str) -> None:
    """Run on the same database and folder as a replica of `studio`, up to the fault point. Fails when it is not reached."""
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
        **settings,
    }
    died = subprocess.run([sys.executable, "-m", __name__], env=environment, timeout=LIFETIME, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2_000:]


async def _live() -> None:
    async with service().running(CommonSettings(), Process(broker=InprocBroker())):
        await stop_signal()


if __name__ == "__main__":
    asyncio.run(_live())
