"""Frames that wait for one client, so that a client that does not read delays no other one."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel

from echo_common.errors import RateLimitedError
from echo_listening.live.channel import Channel

_MOST_WAITING: Final = 64

Build = Callable[[], BaseModel]
"""Builds a frame when it leaves, so that its time is that moment."""


class OutgoingFrames:
    """The frames that wait for a client: of each kind of state the newest one alone, and the others in order."""

    def __init__(self) -> None:
        self._states: dict[str, Build] = {}
        self._others: deque[Build] = deque()
        self._changed = asyncio.Event()
        self._ended: BaseModel | None = None

    def put_state(self, kind: str, build: Build) -> None:
        """Send the newest state of a kind; it replaces one that still waits."""
        self._states.pop(kind, None)  # the newest state of all kinds leaves last
        self._states[kind] = build
        self._changed.set()

    def put(self, build: Build) -> None:
        """Send a frame. Raises `RateLimitedError` if the client does not read."""
        if len(self._others) >= _MOST_WAITING:
            raise RateLimitedError("The client does not read its frames. Connect again.")
        self._others.append(build)
        self._changed.set()

    def end(self, frame: BaseModel) -> None:
        """Send a last frame."""
        self._ended = frame
        self._changed.set()

    async def send_all(self, channel: Channel) -> None:
        """Send until the last frame."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._others or self._states:
                # States last: a snapshot refers to the items before it
                build = self._others.popleft() if self._others else self._states.pop(next(iter(self._states)))
                await channel.send(build())
            if self._ended is not None:
                await channel.send(self._ended)
                return
