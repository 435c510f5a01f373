"""Jobs as they go: server-sent events derived from a job's state. State is the truth, events from the bus are doorbells."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from echo_common.contracts.values import JobStatus
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_common.http.forward import CLIENT_GONE, Caller

POLL_SECONDS = 2.5
HEARTBEAT_SECONDS = 15.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_MESSAGES = {
    JobStatus.COMPLETED: "Finished.",
    JobStatus.FAILED: "The speech could not be made.",
    JobStatus.CANCELLED: "Cancelled.",
}


class Doorbells:
    """Wakes whoever watches a job. Rings for jobs that nobody watches are lost, as they should be."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def at(self, job_id: str) -> Iterator[asyncio.Event]:
        """A bell that rings when something happens to the job, while the context lasts."""
        bell = asyncio.Event()
        self._bells[job_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[job_id].discard(bell)
            if not self._bells[job_id]:
                del self._bells[job_id]

    def ring(self, job_id: str) -> None:
        """Something happened to the job."""
        for bell in self._bells.get(job_id, ()):
            bell.set()

    @property
    def watched(self) -> int:
        """How many jobs are being watched."""
        return len(self._bells)


def events_since(job: Mapping[str, Any], seen: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events that lead to a job's state, without those up to the id `seen`.

    Ids follow from the state alone, so that every replica gives the same: 1 pending, 2 processing, 2+k after k units, and
    one more than all units for the end.
    """
    status, done, total = JobStatus(job["status"]), int(job["units_done"]), int(job["units_total"])
    last = 2 + total + 1
    reached = 1 if status is JobStatus.PENDING else 2 + (total if status is JobStatus.COMPLETED else done)
    for number in range(seen + 1, reached + 1):
        units = max(0, number - 2)
        current = JobStatus.PENDING if number == 1 else JobStatus.PROCESSING
        counted = f"{units} of {total} {job.get('step', 'units spoken')}."
        message = "Waiting for a worker." if number == 1 else counted if units else "A worker has begun."
        event = {"progress": _percent(units, total), "status": current, "message": message}
        if number == reached and status is JobStatus.PENDING and (before := job.get("queue_position")):
            event |= {"message": f"{message} {before} before it.", "queue_position": before}
        if number == reached and status is JobStatus.PROCESSING and (left := job.get("eta_seconds")) is not None:
            event |= {"message": f"{message} About {left:.0f} s left.", "eta_seconds": left}
        yield number, event
    if status.terminal and seen < last:
        progress = 100 if status is JobStatus.COMPLETED else _percent(done, total)
        yield last, {"progress": progress, "status": status, "message": job.get("error_message") or _MESSAGES[status]}


def _percent(units: int, total: int) -> int:
    return min(99, 100 * units // total) if total else 0


async def follow(
    client: ServiceClient,
    bells: Doorbells,
    job_id: str,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    place: str = "/job/{}?include_text=false&include_result=false",
) -> None:
    """Send a job's events until its end. Resumes after `Last-Event-ID`. `place` is where the service shows the job.

    Raises what the service refuses before the first byte: a stranger's job is not found. A token that expires, or a job that
    is deleted, ends the stream without the `complete` event.
    """
    headers = dict(scope["headers"])
    asked = {"Authorization": headers.get(b"authorization", b"").decode("latin-1")}
    seen, path = _last_event_id(headers), place.format(quote(job_id, safe=""))
    with Caller(receive) as caller, bells.at(job_id) as bell:
        caller.watch()
        job = await client.request("GET", path, headers=asked)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        text, silent_since = "retry: 2000\n\n", time.monotonic()
        while True:
            for number, event in events_since(job, seen):
                text += f"id: {number}\ndata: {json.dumps(event)}\n\n"
                seen = number
            if JobStatus(job["status"]).terminal:
                await _write(send, text + 'data: {"event": "complete"}\n\n', more=False)
                return
            if not text and time.monotonic() - silent_since >= HEARTBEAT_SECONDS:
                text = ":\n\n"
            if text:
                await _write(send, text)
                text, silent_since = "", time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # wait_for of Python 3.11 can swallow the cancellation
                    await bell.wait()
            bell.clear()
            try:
                job = await client.request("GET", path, headers=asked)
            except EchoError as error:
                if error.status < 500:
                    await _write(send, "", more=False)
                    return
    if caller.gone:
        await send({"type": "http.response.start", "status": CLIENT_GONE, "headers": []})


async def _write(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


def _last_event_id(headers: Mapping[bytes, bytes]) -> int:
    given = headers.get(b"last-event-id", b"")
    return int(given) if given.isdigit() and len(given) <= 9 else 0
