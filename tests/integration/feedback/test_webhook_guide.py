"""The receiver in docs/guides/receive-webhooks.md, as a reader pastes it."""

import asyncio
import os
import re
import socket
import sys
from pathlib import Path

import httpx

from echo_common.contracts.http.webhooks import WebhookEvent
from tests.integration.feedback.conftest import Start
from tests.support.eventually import eventually
from tests.support.person import data
from tests.support.webhooks import LOCAL, completed, ended

GUIDE = (Path(__file__).parents[3] / "docs/guides/receive-webhooks.md").read_text()


async def test_the_receiver_of_the_guide_accepts_signed_requests_alone(start: Start, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "receiver.py").write_text(program)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    async with start(**LOCAL) as ada:
        body = {"url": url, "events": ["job.completed"]}
        webhook = data(await ada.ask("POST", "/webhooks", json=body), 201)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(tmp_path / "receiver.py"), str(port)),
            env={**os.environ, "WEBHOOK_SECRET": webhook["secret"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with httpx.AsyncClient() as http:

                async def forged() -> bool:
                    try:
                        answer = await http.post(url, json={"type": "job.completed", "data": {}})
                    except httpx.TransportError:
                        return False
                    return answer.status_code == 400

                await eventually(forged, within=30)
            await ada.publish(completed())
            [delivery] = await ended(ada, webhook)
            assert (delivery["status"], delivery["attempts"][-1]["status"]) == ("completed", 204)
            assert process.stdout is not None
            assert (await process.stdout.readline()).startswith(b"job.completed {'job_id': 'job_1'")
        finally:
            process.kill()
            await process.wait()


def test_the_guide_names_every_event() -> None:
    assert {event.value for event in WebhookEvent} <= set(re.findall(r"`([a-z.]+)`", GUIDE))
