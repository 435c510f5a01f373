"""Idempotent writes: the first response to an `Idempotency-Key` is stored for a day and replayed."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.background_tasks import running_in_background
from echo_common.clock import now
from echo_common.errors import ConflictError, EchoError, ValidationError
from echo_common.http.idempotency_messages import DigestedBody, HeldResponse, read_body, replay, replay_body
from echo_common.http.request_digest import BodyDigest, MultipartDigest, body_digest_of, request_digest
from echo_common.ids import new_id
from echo_common.store.port import Collection, Document, DuplicateError, Index, Store

HEADER: Final = b"idempotency-key"
RETENTION: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=30)
KEY_PARAMETER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A key of your choice, scoped to the user and the operation. The first response is stored for 24 hours and "
    "replayed to the same request. A different request with the same key returns 422; a running one, 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

_KEY: Final = re.compile(rb"[\x20-\x7e]{1,255}")


class IdempotencyConflictError(ConflictError):
    """A request with this Idempotency-Key is still running; try again after the time in Retry-After."""

    code = "IDEMPOTENCY_CONFLICT"


class KeyReusedError(EchoError):
    """This Idempotency-Key was used with a different request; use a new one."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422


class Idempotency:
    """Keys and first responses, in a collection of the service's own database, shared by all replicas.

    Stored: JSON up to 1 MiB with a status below 500 that does not depend on the moment. A running request holds a lease on its
    key and renews it: after a crash, the key is released when the lease of `lease` expires.
    """

    def __init__(self, keys: Collection, lease: timedelta) -> None:
        self._keys = keys
        self._lease = lease

    @classmethod
    async def open(cls, store: Store, *, lease: timedelta = LEASE) -> "Idempotency":
        """Create the collection; its entries expire after a day."""
        keys = store.collection("idempotency_keys")
        await keys.ensure([Index([("created_at", 1)], ttl=int(RETENTION.total_seconds())), Index([("owner", 1)])])
        return cls(keys, lease)

    async def run_once(self, app: ASGIApp, owner: str, operation: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Run `app` for the first request with its key and replay its response to repeats; without a key just run it.

        A key belongs to its owner and operation, whatever path the operation was requested under. Once its body is read, the
        request runs to its end even if the client disconnects, so that a repeat finds the response. `app` gets the digest of
        owner, operation, key and request in place of the key, so that its own use of the key cannot collide with another
        operation or request; for file uploads without the request, which is known only at its end. Raises `KeyReusedError`,
        `IdempotencyConflictError`.
        """
        key = next((value for name, value in scope["headers"] if name == HEADER), None)
        if key is None:
            await app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise ValidationError("Idempotency-Key must be 1 to 255 printable ASCII characters.")
        entry = _digest(owner.encode(), operation.encode(), key)
        digest = body_digest_of(scope)
        if isinstance(digest, MultipartDigest):
            await self._run_once_streamed(app, owner, entry, digest, scope, receive, send)
        else:
            await self._run_once_read(app, owner, entry, digest, scope, receive, send)

    async def erase(self, owner: str) -> None:
        """Remove all keys and responses of an owner. Raises `StoreUnavailableError`."""
        await self._keys.delete({"owner": owner})

    async def _run_once_read(
        self, app: ASGIApp, owner: str, entry: str, digest: BodyDigest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = await read_body(receive)
        if body is None:
            return
        digest.feed(body)
        request = request_digest(scope, digest.digest() or "")
        stored = await self._begin(owner, entry, request, run := new_id("run"))
        if stored is not None:
            await replay(stored, scope, send)
            return
        inner = _with_key(scope, _digest(entry.encode(), request.encode()))
        await self._run(partial(app, inner, replay_body(body)), entry, run, lambda: request, send)

    async def _run_once_streamed(
        self, app: ASGIApp, owner: str, entry: str, digest: MultipartDigest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run `app` as `_run_once_read` does, for file uploads: the digest is known only at the end of the body."""
        stored = await self._begin(owner, entry, "", run := new_id("run"))
        body = DigestedBody(receive, digest)

        def request() -> str | None:
            parts = digest.digest()
            return None if parts is None else request_digest(scope, parts)

        if stored is None:
            await self._run(partial(app, _with_key(scope, _digest(entry.encode())), body.receive), entry, run, request, send)
            return
        if not await body.drained():
            return
        if request() != stored["request"]:
            raise KeyReusedError
        await replay(stored, scope, send)

    async def _run(
        self, app: Callable[[Send], Awaitable[None]], entry: str, run: str, request: Callable[[], str | None], send: Send
    ) -> None:
        response = HeldResponse(send)
        stored = False
        try:
            async with running_in_background(self._keep_renewing(entry, run)):
                await app(response.collect)
            if response.worth_storing and (digest := request()) is not None:
                stored = True
                await self._store(entry, run, digest, response)
        finally:
            if not stored:
                with suppress(EchoError):
                    await self._keys.delete({"_id": entry, "run": run})
        await response.release()

    async def _begin(self, owner: str, entry: str, request: str, run: str) -> Document | None:
        """Claim the key for this run, or return the response stored under it. `request` is empty while it is not known."""
        moment = now()
        mine = {"owner": owner, "request": request, "run": run, "lease_until": moment + self._lease, "created_at": moment}
        found = await self._insert(entry, mine)
        if found is None:
            return None
        completed = "status" in found
        running = not completed and found["lease_until"] > moment
        if (completed or running) and request and found["request"] not in {"", request}:
            raise KeyReusedError
        if completed:
            return found
        held = {"_id": entry, "run": found["run"], "lease_until": found["lease_until"]}
        if running or not await self._keys.update_one(held, {"$set": mine}):
            raise IdempotencyConflictError(retry_after=_seconds_until(found["lease_until"], moment))
        return None

    async def _insert(self, entry: str, mine: Document) -> Document | None:
        """Insert an entry, or return the existing one if it has not expired."""
        too_old = mine["created_at"] - RETENTION
        for _ in range(2):
            with suppress(DuplicateError):
                await self._keys.insert({"_id": entry, **mine})
                return None
            found = await self._keys.find_one({"_id": entry})
            if found is not None and found["created_at"] > too_old:
                return found
            await self._keys.delete({"_id": entry, "created_at": {"$lte": too_old}})
        raise IdempotencyConflictError(retry_after=1)

    async def _keep_renewing(self, entry: str, run: str) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with suppress(EchoError):
                await self._keys.update_one({"_id": entry, "run": run}, {"$set": {"lease_until": now() + self._lease}})

    async def _store(self, entry: str, run: str, request: str, response: HeldResponse) -> None:
        stored = {"request": request, "status": response.status, "headers": response.stored_headers, "body": response.body}
        try:
            await self._keys.update_one({"_id": entry, "run": run}, {"$set": stored})
        except EchoError as error:
            # The request has been processed, so its response is sent anyway. A job is deduplicated by its own key.
            structlog.get_logger("echo.http").warning("response_store_failed", error=error.message)


def _digest(*parts: bytes) -> str:
    return sha256(json.dumps([part.hex() for part in parts]).encode()).hexdigest()


def _seconds_until(moment: datetime, present: datetime) -> int:
    return max(1, round((moment - present).total_seconds()))


def _with_key(scope: Scope, key: str) -> Scope:
    headers = [header for header in scope["headers"] if header[0] != HEADER]
    return {**scope, "headers": [*headers, (HEADER, key.encode())]}
