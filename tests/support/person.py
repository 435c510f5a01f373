"""A user of the public REST API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from echo_common.ids import new_id

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """A registered user of one platform."""

    http: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator["Person"]:
        """Create a client without a user; call `register` or `log_in`."""
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60) as http:
            yield cls(http)

    async def register(self) -> str:
        """Register a new user and return the email."""
        email = f"{new_id('story').lower()}@example.com"
        self._keep(data(await self.http.post("/auth/register", json={"email": email, "password": PASSWORD}), 201))
        return email

    async def become_guest(self) -> None:
        """Create a guest and use its token."""
        self._keep(data(await self.http.post("/auth/guest"), 201))

    async def log_in(self, email: str, password: str = PASSWORD) -> None:
        self._keep(data(await self.http.post("/auth/login", json={"email": email, "password": password})))

    async def speak(self, text: str, voice: str | None = "tone_low", **config: Any) -> dict[str, Any]:
        body = {"text": text, "voice_id": voice, "config": config}
        result: dict[str, Any] = data(await self.http.post("/tts/synthesize", json=body))
        return result

    async def queue(self, text: str, voice: str = "tone_low", **fields: Any) -> dict[str, Any]:
        body = {"text_content": text, "voice_model_id": voice, **fields}
        job: dict[str, Any] = data(await self.http.post("/job", json=body), 201)
        return job

    async def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = data(await self.http.get(f"/job/{job_id}"))
        return job

    async def follow(self, job_id: str, **headers: str) -> AsyncIterator[dict[str, Any]]:
        """Return all events of a job, each with its `id`."""
        async for event in self.watch(f"/job/{job_id}/progress", **headers):
            yield event

    async def watch(self, path: str, **headers: str) -> AsyncIterator[dict[str, Any]]:
        """Return all server-sent events, each with its `id`."""
        async with self.http.stream("GET", path, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            event_id = None
            async for line in response.aiter_lines():
                if line.startswith("id:"):
                    event_id = line[3:].strip()
                elif line.startswith("data:"):
                    yield {"id": event_id, **json.loads(line[5:])}

    async def audio(self, result: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http.get(result["audio_url"].removeprefix("/api/v1"), headers=headers)

    def _keep(self, tokens: dict[str, Any]) -> None:
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"


def data(response: httpx.Response, status: int | None = None) -> Any:
    """Return the data of a successful response."""
    assert response.is_success if status is None else response.status_code == status, response.text
    return response.json()["data"]


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal in the envelope."""
    body = response.json()
    assert body["success"] is False, body
    assert body["request_id"] == response.headers["X-Request-ID"]
    return response.status_code, body["error"]["code"]
