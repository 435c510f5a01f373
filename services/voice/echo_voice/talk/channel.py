"""The connection of a spoken conversation."""

from typing import Protocol

from pydantic import BaseModel

from echo_common.errors import EchoError


class Channel(Protocol):
    """A connection to a client. Sending waits while the client does not read."""

    async def receive(self) -> str | bytes | None:
        """Return the next frame, text or binary; None when the client has gone."""
        ...

    async def send(self, frame: BaseModel) -> None:
        """Send a text frame."""
        ...

    async def send_audio(self, data: bytes) -> None:
        """Send a binary frame."""
        ...

    async def report(self, error: EchoError) -> None:
        """Send an error after which the conversation goes on."""
        ...
