"""Writes that may safely be sent twice: the first answer to an `Idempotency-Key` is kept for a day and given again."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.clock import now
from echo_common.errors import ConflictError, EchoError, ValidationError
from echo_common.ids import new_id
from echo_common.store.port import Collection, Document, DuplicateError, Index, Store

HEADER: Final = b"idempotency-key"
KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=30)
MAX_ANSWER: Final = 1024 * 1024
KEY_PARAMETER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of one's own. The first answer is kept for 24 hours and given again to whoever sends the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

_KEY: Final = re.compile(rb"[\x20-\x7e]{1,255}")
_KEPT_HEADERS: Final = frozenset({b"content-type", b"location", b"etag"})
# these say something about the moment, not about the request
_NOT_KEPT: Final = frozenset({401, 408, 425, 429})


class IdempotencyConflictError(ConflictError):
    """A request with this Idempotency-Key is still running; wait as long as Retry-After says."""

    code = "IDEMPOTENCY_CONFLICT"


class KeyReusedError(EchoError):
    """This Idempotency-Key came with another request before; take a new one."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422


class Idempotency:
    """Keys and first answers, in a collection of the service's own database.

    Answers kept: JSON up to 1 MiB with a status below 500 that does not depend on the moment. A request that runs holds a
    lease on its key and renews it: one whose process died frees the key after `lease`.
    """

    def __init__(self, keys: Collection, lease: timedelta) -> None:
        self._keys = keys
        self._lease = lease

    @classmethod
    async def open(cls, store: Store, *, lease: timedelta = LEASE) -> "Idempotency":
        """Make the collection, whose entries vanish after a day."""
        keys = store.collection("idempotency_keys")
        await keys.ensure([Index([("created_at", 1)], ttl=int(KEPT.total_seconds()))])
        return cls(keys, lease)

    async def once(self, app: ASGIApp, owner: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Run `app` for the first request with its key, give its answer again for the next; without a key just run it.

        A key belongs to its owner, method and path. Once begun, the request runs to its end even if the client leaves, so
        that the answer is there when they come back. Raises `KeyReusedError`, `IdempotencyConflictError`.
        """
        key = next((value for name, value in scope["headers"] if name == HEADER), None)
        if key is None:
            await app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise ValidationError("Idempotency-Key must be 1 to 255 printable ASCII characters.")
        body = await _whole(receive)
        if body is None:
            return
        entry = _digest(owner.encode(), scope["method"].encode(), scope["raw_path"], key)
        request = _digest(scope["query_string"], body)
        kept = await self._begin(entry, request, run := new_id("run"))
        if kept is not None:
            await _send_again(kept, send)
            return
        answer = _Answer(send)
        try:
            async with self._renewing(entry, run):
                await app(scope, _given(body), answer.collect)
            if answer.worth_keeping:
                await self._keep(entry, run, answer)
        finally:
            if not answer.worth_keeping:
                with suppress(EchoError):
                    await self._keys.delete({"_id": entry, "run": run})
        await answer.release()

    async def _begin(self, entry: str, request: str, run: str) -> Document | None:
        """Take the key for this run, or find the answer kept under it."""
        moment = now()
        mine = {"request": request, "run": run, "lease_until": moment + self._lease, "created_at": moment}
        try:
            await self._keys.insert({"_id": entry, **mine})
        except DuplicateError:
            pass
        else:
            return None
        found = await self._keys.find_one({"_id": entry})
        if found is None or found["created_at"] <= moment - KEPT:  # gone in between, or about to be
            await self._keys.delete({"_id": entry, "created_at": {"$lte": moment - KEPT}})
            raise IdempotencyConflictError(retry_after=1)
        if found["request"] != request:
            raise KeyReusedError
        if "status" in found:
            return found
        if found["lease_until"] > moment or not await self._keys.update_one(
            {"_id": entry, "run": found["run"], "lease_until": found["lease_until"]}, {"$set": mine}
        ):
            raise IdempotencyConflictError(retry_after=_seconds_until(found["lease_until"], moment))
        return None

    @asynccontextmanager
    async def _renewing(self, entry: str, run: str) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease.total_seconds() / 3)
                with suppress(EchoError):
                    await self._keys.update_one({"_id": entry, "run": run}, {"$set": {"lease_until": now() + self._lease}})

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()

    async def _keep(self, entry: str, run: str, answer: "_Answer") -> None:
        kept = {"status": answer.status, "headers": answer.kept_headers, "body": answer.body}
        try:
            await self._keys.update_one({"_id": entry, "run": run}, {"$set": kept})
        except EchoError as error:
            # The work is done: its answer goes out all the same, and the service knows the key too.
            structlog.get_logger("echo.http").warning("an answer could not be kept", reason=error.message)


class _Answer:
    """An answer held back until it is kept; one that will not be kept goes straight through."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self._whole = False
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._holding = True
        self._size = 0
        self.status = 0

    async def collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = message["headers"]
            self._holding = self.status < 500 and self.status not in _NOT_KEPT and self._is_json
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            self._holding = self._holding and self._size <= MAX_ANSWER
        self._held.append(message)
        if not self._holding:
            await self.release()

    @property
    def worth_keeping(self) -> bool:
        return self._holding and self._whole

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self._held)

    @property
    def kept_headers(self) -> list[list[str]]:
        return [[name.decode(), value.decode("latin-1")] for name, value in self._headers if name.lower() in _KEPT_HEADERS]

    @property
    def _is_json(self) -> bool:
        kind = next((value for name, value in self._headers if name.lower() == b"content-type"), b"")
        return kind.partition(b";")[0].strip() == b"application/json"

    async def release(self) -> None:
        """Let out what was held back."""
        held, self._held = self._held, []
        for message in held:
            await self._send(message)


async def _send_again(kept: Document, send: Send) -> None:
    body: bytes = kept["body"]
    headers = [(name.encode(), value.encode("latin-1")) for name, value in kept["headers"]]
    headers += [(b"content-length", str(len(body)).encode()), (b"idempotency-replayed", b"true")]
    await send({"type": "http.response.start", "status": kept["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _whole(receive: Receive) -> bytes | None:
    """The request's body; None when the client left before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _given(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never  # nobody leaves a request that is to be finished

    return receive


def _digest(*parts: bytes) -> str:
    return sha256(json.dumps([part.hex() for part in parts]).encode()).hexdigest()


def _seconds_until(moment: datetime, present: datetime) -> int:
    return max(1, round((moment - present).total_seconds()))
