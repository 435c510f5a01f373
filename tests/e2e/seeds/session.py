"""The requests of the seed documents on one platform, with ids, tokens and files substituted."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from echo_embedded.data_folder import Secrets
from tests.e2e.seeds.cases import Case, User
from tests.e2e.seeds.substitutes import Substitutes
from tests.e2e.seeds.voxify import REGISTER
from tests.support.recordings import encoded, spoken, wav

NAME = re.compile(r"\{(\w+)\}")


class Session:
    """Sends each request once; a request with substitutes sends the requests that make them first."""

    def __init__(self, url: str, secrets: Secrets) -> None:
        self._url = url
        self._secrets = secrets
        self._substitutes = Substitutes(self)
        self._responses: dict[Case, tuple[int, Any]] = {}
        self._users: dict[User, Any] = {}
        sound = spoken()
        self._files = {"wav": wav(sound), "mp3": encoded(sound, "mp3", "libmp3lame")}

    async def respond(self, case: Case) -> tuple[int, Any]:
        """Return status and content of the response to a request."""
        if case not in self._responses:
            for name in case.needs:
                await self._substitutes.find(name)
            request, body, form = [await self._fill(part) for part in (case.request, case.body, case.form)]
            method, _, path = request.partition(" ")
            files = {case.file[0]: (case.file[1], self._files[case.file[1][-3:]])} if case.file else None
            self._responses[case] = await self.send(method, path, case.user, json=body, data=form, files=files)
        return self._responses[case]

    async def release_worker(self) -> None:
        """Let the worker perform pending jobs again."""
        await self._substitutes.release_worker()

    async def content(self, case: Case) -> Any:
        """Return the content of a response: the `data` of the envelope, or plain JSON."""
        _, content = await self.respond(case)
        return content.get("data", content)

    async def user(self, name: User) -> Any:
        """Return the registration of a user, or the administrator's login."""
        if name not in self._users:
            path, body = "/api/v1/auth/register", await self._fill(REGISTER.body)
            if name == "administrator":
                path, body = (
                    "/api/v1/auth/login",
                    {"email": self._secrets.admin_email, "password": self._secrets.admin_password},
                )
            _, content = await self.send("POST", path, "nobody", json=body)
            self._users[name] = content["data"]
        return self._users[name]

    async def send(self, method: str, path: str, user: User = "owner", **body: Any) -> tuple[int, Any]:
        """Send a request and return status and content: JSON, the server-sent events, or the type of the audio."""
        headers = {} if user == "nobody" else {"Authorization": f"Bearer {(await self.user(user))['access_token']}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=60) as http:
            response = await http.request(method, path, **body)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if kind == "application/json":
            return response.status_code, response.json()
        if kind == "text/event-stream":
            lines = response.text.splitlines()
            return response.status_code, [json.loads(line[5:]) for line in lines if line.startswith("data:")]
        return response.status_code, {"type": kind, "empty": not response.content}

    async def _fill(self, part: Any) -> Any:
        if isinstance(part, Mapping):
            return {name: await self._fill(value) for name, value in part.items()}
        if isinstance(part, list):
            return [await self._fill(value) for value in part]
        if isinstance(part, str):
            for name in NAME.findall(part):
                part = part.replace(f"{{{name}}}", await self._substitutes.find(name))
        return part
