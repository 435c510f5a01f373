"""A user of auth over HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import FormData
from yarl import URL

from echo_common.http.client import ServiceClient

PASSWORD = "correct horse battery"
AVATAR = "/users/me/profile/avatar"


@dataclass(frozen=True)
class Reply:
    """A response: status, headers and data of the envelope."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Visitor:
    """A client that keeps the latest tokens."""

    client: ServiceClient
    address: str = "203.0.113.7"
    access_token: str | None = None
    refresh_token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        sent = {"X-Forwarded-For": self.address, "User-Agent": "visitor/1", **self.headers}
        if self.access_token:
            sent["Authorization"] = f"Bearer {self.access_token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        url = URL(self.client.next_replicas()[0] + path, encoded=True)
        data = None if body is None else json.dumps(body).encode()
        async with self.client.session.request(method, url, data=data, headers=sent | headers) as response:
            raw = await response.read()
            return Reply(response.status, response.headers, json.loads(raw) if raw else None)

    async def upload_avatar(self, picture: bytes, name: str = "me.png") -> Reply:
        form = FormData()
        form.add_field("file", BytesIO(picture), filename=name)
        url = URL(self.client.next_replicas()[0] + AVATAR)
        headers = {"Authorization": f"Bearer {self.access_token}"}
        async with self.client.session.put(url, data=form, headers=headers) as response:
            return Reply(response.status, response.headers, await response.json())

    async def download(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        url = URL(self.client.next_replicas()[0] + path, encoded=True)
        sent = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        async with self.client.session.request(method, url, headers=sent | headers) as response:
            return response.status, response.headers, await response.read()

    async def register(self, email: str, **more: object) -> Reply:
        return self._keep(await self.call("POST", "/auth/register", {"email": email, "password": PASSWORD, **more}))

    async def log_in(self, email: str, password: str = PASSWORD, **more: object) -> Reply:
        return self._keep(await self.call("POST", "/auth/login", {"email": email, "password": password, **more}))

    async def refresh(self, token: str | None = None) -> Reply:
        return self._keep(await self.call("POST", "/auth/refresh", {"refresh_token": token or self.refresh_token}))

    async def log_out(self) -> Reply:
        return await self.call("POST", "/auth/logout")

    async def me(self) -> Reply:
        return await self.call("GET", "/users/me")

    def _keep(self, reply: Reply) -> Reply:
        if reply.status < 300:
            self.access_token, self.refresh_token = reply.data["access_token"], reply.data["refresh_token"]
        return reply
