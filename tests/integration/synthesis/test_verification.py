"""The verification of files is limited, so that it delays neither the speech nor the files of other users."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from echo_synthesis.provenance.inspection import Inspection
from tests.support.eventually import eventually
from tests.support.synthesis_server import StartSynthesis, SynthesisServer


async def verify(server: SynthesisServer, user_id: str) -> tuple[int, str]:
    form = aiohttp.FormData()
    form.add_field("file", b"Dear Ada", filename="letter.txt")
    async with server.session.post(f"{server.url}/voice/verify", data=form, headers=server.bearer(user_id)) as reply:
        body = await reply.json()
        return reply.status, body.get("error", {}).get("code", "")


async def test_a_user_with_many_files_does_not_delay_other_users(
    start_synthesis: StartSynthesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go = list[str](), asyncio.Event()

    async def inspect(path: Path) -> Inspection:
        started.append(path.name)
        await go.wait()
        return Inspection("0", None, False)

    async with start_synthesis() as server:
        monkeypatch.setattr(server.deps.provenance, "inspect", inspect)
        many = [asyncio.create_task(verify(server, "usr_eve")) for _ in range(6)]
        assert await next(asyncio.as_completed(many)) == (429, "TOO_MANY_OPEN_REQUESTS")
        one = asyncio.create_task(verify(server, "usr_ada"))
        await eventually(lambda: len(started) == 2)  # a file of each user
        go.set()
        assert await one == (200, "")
        statuses = sorted(status for status, _ in await asyncio.gather(*many))
        assert statuses == [200, 200, 200, 200, 429, 429]
