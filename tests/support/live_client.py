"""Fakes for connections to live group sessions."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from echo_common.contracts.http.group_sessions import SessionItemView
from echo_common.errors import EchoError
from echo_listening.domain.group_sessions import Command, GroupSession


class FakeChannel:
    """A client's connection; `frames` are those that it received. With `blocked`, it reads nothing."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.blocked = asyncio.Event()
        self.blocked.set()
        self._sent: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def say(self, *frames: dict[str, Any] | str | bytes | None) -> None:
        for frame in frames:
            self._sent.put_nowait(json.dumps(frame) if isinstance(frame, dict) else frame)

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == name]

    async def receive(self) -> str | bytes | None:
        return await self._sent.get()

    async def send(self, frame: BaseModel) -> None:
        await self.blocked.wait()
        self.frames.append(frame.model_dump(mode="json"))

    def message_of(self, error: EchoError) -> str:
        return error.message


class FakeActions:
    """Actions on a session in memory."""

    def __init__(self, session: GroupSession) -> None:
        self.session = session
        self.reactions: list[str] = []
        self.refusal: EchoError | None = None
        self.credential_revoked = False

    def revoked(self) -> bool:
        return self.credential_revoked

    async def apply(self, command: Command) -> GroupSession:
        if self.refusal is not None:
            raise self.refusal
        if self.session.apply(command, time=self.session.playback.at + 500, clock=0):
            self.session.version += 1
        return self.session

    async def react(self, reaction: str) -> GroupSession:
        self.reactions.append(reaction)
        return self.session

    async def items(self, session: GroupSession) -> Sequence[SessionItemView]:
        return [SessionItemView(**item.model_dump(), name=item.item_id, skipped=item.skipped) for item in session.items]
