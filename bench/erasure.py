"""Time from the deletion of an account with 1,000 objects to the confirmation of every service."""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.stage import Stage, serving
from echo_common.ids import new_id

_AUDIO = 500
_TEXTS = 500
_CLIENTS = 8
_PASSWORD = "correct horse battery"


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Delete accounts with stored audio and texts, on a separate platform with the tone engine."""
    seconds = []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as data:
        settings = {"ECHO_SYNTHESIS_ENGINES": "tone", "ECHO_SYNTHESIS_DEFAULT_VOICE": "tone_low"}
        async with serving(Path(data), stage.models, **settings) as quick:
            for _ in range(rounds):
                user = await _user(quick)
                seconds.append(await _erased_after(quick, user))
    what = "time to erase a user with 1,000 objects in all services"
    return [Figure("S2", what, seconds, "s", at_most=60, note=f"{_AUDIO} audio files, {_TEXTS} texts")]


async def _user(stage: Stage) -> Mapping[str, str]:
    """Register a user who owns the objects; return the headers of the user's requests."""
    body = {"email": f"{new_id('erased').lower()}@example.com", "password": _PASSWORD}
    registered = await _send(stage, "POST", "/auth/register", body)
    headers = {"Authorization": f"Bearer {registered['access_token']}"}

    async def create(client: int) -> None:
        for number in range(client, _AUDIO, _CLIENTS):
            await _send(stage, "POST", "/tts/synthesize", {"text": f"Speech {number}.", "voice_id": "tone_low"}, headers)
        for number in range(client, _TEXTS, _CLIENTS):
            await _send(stage, "POST", "/texts", {"content": f"Text {number}."}, headers)

    await asyncio.gather(*(create(client) for client in range(_CLIENTS)))
    return headers


async def _erased_after(stage: Stage, user: Mapping[str, str]) -> float:
    """Delete the account; return the seconds until its erasure is complete."""
    started = time.perf_counter()
    requested = await _send(stage, "DELETE", "/users/me", {"password": _PASSWORD}, user)
    await stage.log_in()
    while True:
        report = await _send(stage, "GET", f"/admin/erasures/{requested['id']}")
        if report["completed_at"] is not None:
            return time.perf_counter() - started
        await asyncio.sleep(0.05)


async def _send(
    stage: Stage, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    async with stage.session.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
        answer.raise_for_status()
        return (await answer.json())["data"]
