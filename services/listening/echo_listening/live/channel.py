"""The connection of a client to a live group session."""

from typing import Protocol

from pydantic import BaseModel

from echo_common.errors import EchoError


class Channel(Protocol):
    """A connection to a client. Sending waits while the client does not read."""

    async def receive(self) -> str | bytes | None:
        """Return the next frame; None when the client has gone."""
        ...

    async def send(self, frame: BaseModel) -> None:
        """Send a frame."""
        ...

    def message_of(self, error: EchoError) -> str:
        """Return the message of an error in the language of the client."""
        ...
