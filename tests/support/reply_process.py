"""A reply in a child process for crash tests: `python -m tests.support.reply_process URL PREFIX ECHO_ID FAULT_POINT`."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace

from echo_common.faults import FaultPoints
from echo_common.outbox.relay import Relay
from tests.integration.outbox.counters import RecordingBus
from tests.integration.voice.conversations.conftest import ADA, open_talk
from tests.support.database import Database


def reply_until_dead(database: Database, echo_id: str, fault_point: str) -> None:
    """Send a message to an echo in another process up to the fault point; fail when it is not reached."""
    command = [sys.executable, "-m", __name__, database.url, database.prefix, echo_id, fault_point]
    died = subprocess.run(command, timeout=60, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2_000:]


async def _reply(url: str, prefix: str, echo_id: str, fault_point: str) -> None:
    bus = RecordingBus()
    talk = await open_talk(await Database(url, prefix).open(), Relay(bus, sweep_every=0.05), bus, lease_seconds=0.5)
    replies = replace(talk.replies, faults=FaultPoints(fault_point))
    async with replies.open(echo_id, "Hello!", ADA, request_key="key") as reply:
        async for _ in reply.events():
            pass


if __name__ == "__main__":
    asyncio.run(_reply(*sys.argv[1:]))
