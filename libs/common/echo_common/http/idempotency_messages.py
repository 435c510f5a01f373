"""Messages of idempotent requests: bodies that are digested or read again, and responses that are held back and replayed."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from echo_common.http.request_digest import BodyDigest
from echo_common.store.port import Document

MAX_RESPONSE: Final = 1024 * 1024

_STORED_HEADERS: Final = frozenset({b"content-type", b"location", b"etag"})
# these depend on the moment, not on the request
_NOT_STORED: Final = frozenset({401, 408, 425, 429})


class HeldResponse:
    """A response held back until it is stored; one that is not stored is sent directly, and its end when the key is free again."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self._complete = False
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._holding = True
        self._size = 0
        self.status = 0

    async def collect(self, message: Message) -> None:
        """Hold a message back, or send it once the response is not worth storing; the last one is always held."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = message["headers"]
            self._holding = self.status < 500 and self.status not in _NOT_STORED and self._is_json
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            self._holding = self._holding and self._size <= MAX_RESPONSE
        self._held.append(message)
        if not self._holding and not self._complete:
            await self.release()

    @property
    def worth_storing(self) -> bool:
        """True if the response is complete and may be stored."""
        return self._holding and self._complete

    @property
    def body(self) -> bytes:
        """The body."""
        return b"".join(message.get("body", b"") for message in self._held)

    @property
    def stored_headers(self) -> list[list[str]]:
        """The header fields to store."""
        return [[name.decode(), value.decode("latin-1")] for name, value in self._headers if name.lower() in _STORED_HEADERS]

    @property
    def _is_json(self) -> bool:
        kind = next((value for name, value in self._headers if name.lower() == b"content-type"), b"")
        return kind.partition(b";")[0].strip() == b"application/json"

    async def release(self) -> None:
        """Send the messages held back."""
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


class DigestedBody:
    """A request body, digested while the service reads it; a client's disconnect after its end is hidden."""

    def __init__(self, receive: Receive, digest: BodyDigest) -> None:
        self._receive = receive
        self._digest = digest
        self._complete = False

    async def receive(self) -> Message:
        """Return the next message of the request."""
        if self._complete:
            return await _wait_forever()
        message = await self._receive()
        if message["type"] == "http.request":
            self._digest.feed(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        return message

    async def drained(self) -> bool:
        """Read to the end; return False when the client disconnects before."""
        while not self._complete:
            if (await self.receive())["type"] == "http.disconnect":
                return False
        return True


async def replay(stored: Document, scope: Scope, send: Send) -> None:
    """Send a stored response."""
    body = _with_request_id(stored["body"], scope) if stored["status"] >= 400 else stored["body"]
    headers = [(name.encode(), value.encode("latin-1")) for name, value in stored["headers"]]
    headers += [(b"content-length", str(len(body)).encode()), (b"idempotency-replayed", b"true")]
    await send({"type": "http.response.start", "status": stored["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_request_id(body: bytes, scope: Scope) -> bytes:
    """Return an error's envelope with this request's id in place of the first one's."""
    with suppress(ValueError):
        envelope = json.loads(body)
        if isinstance(envelope, dict) and "request_id" in envelope:
            return json.dumps(envelope | {"request_id": scope["state"]["request_id"]}, ensure_ascii=False).encode()
    return body


async def read_body(receive: Receive) -> bytes | None:
    """Return the request's body, or None when the client disconnected before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def replay_body(body: bytes) -> Receive:
    """Return a function from which an app receives a body that has been read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await _wait_forever()

    return receive


async def _wait_forever() -> Message:
    """Wait for ever: a request that must be completed is not told of its client's disconnect."""
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never
