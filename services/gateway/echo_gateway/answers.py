"""Finished audio that is asked for again, answered from memory."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Scope as Permission
from echo_common.http.files import names
from echo_gateway.door import admit

_FRESH_SECONDS = 60.0
_LARGEST_SHARE = 16

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and until when (`time.monotonic`) it may be given again."""

    headers: Headers
    body: bytes
    etag: str
    until: float


class Answers:
    """Whole answers that their service calls immutable, each for the user it was given to; least recently used goes first.

    An answer is given for at most a minute without asking again, so that what was deleted is gone soon even when the event
    that says so is lost. `capacity` is in bytes, 0 keeps nothing.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._size = 0

    def find(self, user_id: str, target: str) -> Answer | None:
        """What this user was answered before, if it is fresh."""
        key = (user_id, target)
        answer = self._kept.get(key)
        if answer is None:
            return None
        if answer.until < time.monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return answer

    def wants(self, headers: Headers) -> bool:
        """Whether an answer that begins like this is to be kept: small, named by an ETag, never changing."""
        facts = dict(headers)
        size = int(facts.get(b"content-length", self._capacity + 1))
        return (
            size <= self._capacity // _LARGEST_SHARE and b"etag" in facts and b"immutable" in facts.get(b"cache-control", b"")
        )

    def keep(self, user_id: str, target: str, headers: Headers, body: bytes) -> None:
        """Remember a whole answer."""
        self._drop((user_id, target))
        self._kept[user_id, target] = Answer(
            headers, body, dict(headers)[b"etag"].decode("latin-1"), time.monotonic() + _FRESH_SECONDS
        )
        self._size += len(body)
        while self._size > self._capacity:
            self._drop(next(iter(self._kept)))

    def forget(self, part: str) -> None:
        """Drop all answers whose target holds `part`, an identifier."""
        for key in [key for key in self._kept if part in key[1]]:
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        if (answer := self._kept.pop(key, None)) is not None:
            self._size -= len(answer.body)


class Remembering:
    """Wraps a passage: a plain GET is answered from memory when it can be; parts and everything else go through."""

    def __init__(self, passage: ASGIApp, permission: Permission | None) -> None:
        self._passage = passage
        self._permission = permission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = dict(scope["headers"])
        if scope["method"] != "GET" or b"range" in asked or "principal" not in scope["state"]:
            await self._passage(scope, receive, send)
            return
        answers: Answers = scope["app"].state.dependencies.answers
        user_id = admit(scope, self._permission).user_id
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        if (answer := answers.find(user_id, target)) is None:
            await self._passage(scope, receive, _Recorder(answers, user_id, target, send))
            return
        unchanged = b"if-none-match" in asked and names(asked[b"if-none-match"].decode("latin-1"), answer.etag)
        headers = [header for header in answer.headers if not (unchanged and header[0] == b"content-length")]
        await send({"type": "http.response.start", "status": 304 if unchanged else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if unchanged else answer.body})


class _Recorder:
    """Sends on, and keeps a copy of an answer that turns out to be whole."""

    def __init__(self, answers: Answers, user_id: str, target: str, send: Send) -> None:
        self._answers = answers
        self._user_id = user_id
        self._target = target
        self._send = send
        self._headers: Headers | None = None
        self._blocks: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Headers = list(message["headers"])
            self._headers = headers if message["status"] == 200 and self._answers.wants(headers) else None
        elif message["type"] == "http.response.body" and self._headers is not None:
            self._blocks.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._answers.keep(self._user_id, self._target, self._headers, b"".join(self._blocks))
        await self._send(message)
