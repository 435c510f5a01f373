"""Progress as server-sent events, derived from a job's polled state; events from the bus only trigger a poll."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from echo_common.contracts.values import JobStatus, JobType
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_common.http.forward import CLIENT_GONE, ClientRequest
from echo_gateway.authentication import valid_token

POLL_SECONDS = 2.5
HEARTBEAT_SECONDS = 15.0
_OUTAGE = 500
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_FAILED = {
    JobType.SYNTHESIS: "The synthesis failed; retry the job.",
    JobType.SAMPLE_PROCESSING: "The processing of the sample failed; retry the job.",
    JobType.TRAINING: "The training failed; retry the job.",
}
_COMPLETED = {
    JobType.SYNTHESIS: "Synthesis completed",
    JobType.SAMPLE_PROCESSING: "Processing completed",
    JobType.TRAINING: "Training completed",
}
_QUEUED = "Job queued for processing"
_RESULT_FIELDS = ("output_file_path", "audio_url", "duration")
"""Fields of a completed synthesis job that its last progress event repeats."""


class ProgressPolls:
    """The followed jobs; each is polled once for all its followers.

    Notifications for jobs without followers are dropped.
    """

    def __init__(self) -> None:
        self._polls: dict[str, _ProgressPoll] = {}
        self._by_job: defaultdict[str, set[_ProgressPoll]] = defaultdict(set)

    @asynccontextmanager
    async def following(
        self, client: ServiceClient, job_id: str, path: str, follower: "Follower"
    ) -> "AsyncIterator[_ProgressPoll]":
        """Follow a job while the context is open, with the follower's access to it.

        When the last follower leaves, polling stops.
        """
        poll = self._polls.get(path)
        if poll is None:
            poll = self._polls[path] = _ProgressPoll(client, path)
            self._by_job[job_id].add(poll)
        poll.tokens[follower.token] += 1
        try:
            yield poll
        finally:
            poll.remove(follower.token)
            if not poll.tokens:
                del self._polls[path]
                self._by_job[job_id].discard(poll)
                if not self._by_job[job_id]:
                    del self._by_job[job_id]
                await poll.close()

    def poll_now(self, job_id: str) -> None:
        """Poll the job now, because it changed."""
        for poll in self._by_job.get(job_id, ()):
            poll.poll_now()

    @property
    def watched(self) -> int:
        """Number of followed jobs."""
        return len(self._polls)


@dataclass(slots=True)
class Follower:
    """A follower of a job; `token` is its current `Authorization` value."""

    token: str


class _ProgressPoll:
    """The state of one followed job, shared by its followers. `tokens` counts the followers by `Authorization` value.

    `state` is the last polled state, `number` rises with every change of it. The service has authorised each follower's own
    token for the job before the follower reads a state that was polled with another token.
    """

    def __init__(self, client: ServiceClient, path: str) -> None:
        self.tokens: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.state: Mapping[str, Any] | None = None
        self.number = 0
        self._client = client
        self._path = path
        self._poll_requested = asyncio.Event()
        self._changed = asyncio.Event()
        self._frames: dict[int, tuple[str, int]] = {}
        self._poll: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """True if polling has ended."""
        return self._poll is not None and self._poll.done()

    async def join(self, token: str) -> None:
        """Fetch the job with this token. Raises the service's error if the token has no access."""
        job = await self._request_job(token)
        if self._poll is None or self._poll.done():  # an ended job may have been retried since
            self._update(job)
            self._poll = asyncio.create_task(self._keep_polling())

    def renew(self, follower: Follower, token: str) -> None:
        """Replace a follower's token by a newer one of the same credential."""
        if token != follower.token:
            self.tokens[token] += 1
            self.remove(follower.token)
            follower.token = token

    def remove(self, token: str) -> None:
        """Remove a follower's token."""
        self.tokens[token] -= 1
        if not self.tokens[token]:
            del self.tokens[token]

    def poll_now(self) -> None:
        """Poll now."""
        self._poll_requested.set()

    def frames(self, seen: int) -> tuple[str, int]:
        """Return the frames after the event id `seen`, and the id of the last one."""
        assert self.state is not None  # noqa: S101 - `join` sets it
        if seen not in self._frames:
            text, last = "", seen
            for last, event in events_since(self.state, seen):
                text += f"id: {last}\ndata: {json.dumps(event)}\n\n"
            self._frames[seen] = text, last
        return self._frames[seen]

    async def wait_for_change(self, number: int) -> None:
        """Wait for a state other than `number`, the end of polling, or `POLL_SECONDS`."""
        if self.number == number and not self.over:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # wait_for of Python 3.11 can swallow a cancellation
                    await self._changed.wait()

    async def close(self) -> None:
        """Stop polling."""
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.gather(self._poll, return_exceptions=True)

    async def _keep_polling(self) -> None:
        try:
            while not self._ended():
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._poll_requested.wait()
                self._poll_requested.clear()
                await self._poll_once()
        finally:
            self._notify_followers()

    def _ended(self) -> bool:
        return self.state is not None and JobStatus(self.state["status"]).terminal

    async def _poll_once(self) -> None:
        """Poll with the token of any follower; a rejected token ends only its own followers."""
        while token := next((token for token in self.tokens if token not in self.refused), None):
            try:
                self._update(await self._request_job(token))
            except EchoError as error:
                if error.status >= _OUTAGE:
                    return
                self.refused.add(token)
                self._notify_followers()
            else:
                return

    async def _request_job(self, token: str) -> Mapping[str, Any]:
        job: Mapping[str, Any] = await self._client.request("GET", self._path, headers={"Authorization": token})
        return job

    def _update(self, job: Mapping[str, Any]) -> None:
        if job != self.state:
            self.state = job
            self.number += 1
            self._frames.clear()
            self._notify_followers()

    def _notify_followers(self) -> None:
        news, self._changed = self._changed, asyncio.Event()
        news.set()


def events_since(job: Mapping[str, Any], seen: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the events that lead to a job's state, after the id `seen`.

    Ids depend only on the state, so that they are equal on every replica: 1 is pending, 2 is processing, 2 + k is k units done,
    and 3 + all units is the end.
    """
    status, done, total = JobStatus(job["status"]), int(job["units_done"]), int(job["units_total"])
    last = 2 + total + 1
    reached = 1 if status is JobStatus.PENDING else 2 + (total if status is JobStatus.COMPLETED else done)
    for number in range(seen + 1, reached + 1):
        units = max(0, number - 2)
        current = JobStatus.PENDING if number == 1 else JobStatus.PROCESSING
        counted = f"{units} of {total} {job.get('step', 'segments synthesised')}."
        message = _QUEUED if number == 1 else counted if units else "Processing started."
        event = {"progress": _percent(units, total), "status": current, "message": message}
        if number == reached and status is JobStatus.PENDING and (before := job.get("queue_position")):
            event |= {"message": f"{message}, position {before + 1} in the queue", "queue_position": before}
        if number == reached and status is JobStatus.PROCESSING and (left := job.get("eta_seconds")) is not None:
            event |= {"message": f"{message} About {left:.0f} s left.", "eta_seconds": left}
        yield number, event
    if status.terminal and seen < last:
        completed = status is JobStatus.COMPLETED
        result = {name: job[name] for name in _RESULT_FIELDS if job.get(name) is not None} if completed else {}
        progress = 100 if completed else _percent(done, total)
        messages = _COMPLETED if completed else _FAILED if status is JobStatus.FAILED else {}
        finished = messages.get(JobType(job.get("type", JobType.SYNTHESIS)), "Cancelled.")
        message = job.get("error_message") or finished
        yield last, {"progress": progress, "status": status, "message": message, **result}


def _percent(units: int, total: int) -> int:
    return min(99, 100 * units // total) if total else 0


async def follow(
    client: ServiceClient,
    polls: ProgressPolls,
    job_id: str,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    place: str = "/job/{}?include_text=false&include_result=false",
) -> None:
    """Send a job's events until its end, starting after `Last-Event-ID`. `place` is the job's path in the service.

    Before the first byte, raises the service's error, such as not found for another user's job. An expired or revoked token or a
    deleted job ends the stream without the `complete` event.
    """
    headers = dict(scope["headers"])
    follower = Follower(headers.get(b"authorization", b"").decode("latin-1"))
    path = place.format(quote(job_id, safe=""))
    started = False
    with ClientRequest(receive) as client_request:
        client_request.watch()
        async with polls.following(client, job_id, path, follower) as poll:
            await poll.join(follower.token)
            started = True
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _send_events(poll, _last_event_id(headers), send, partial(_authorized, scope, poll, follower))
            return
    # after the last event the server also reports the client as gone; then the response is complete
    if client_request.gone and not started:
        await send({"type": "http.response.start", "status": CLIENT_GONE, "headers": []})


async def _send_events(poll: _ProgressPoll, seen: int, send: Send, authorized: Callable[[], Awaitable[bool]]) -> None:
    text, silent_since, verified = "retry: 2000\n\n", time.monotonic(), time.monotonic()
    while True:
        number, over = poll.number, poll.over
        frames, seen = poll.frames(seen)
        text += frames
        if JobStatus((poll.state or {})["status"]).terminal:
            await _write(send, text + 'data: {"event": "complete"}\n\n', more=False)
            return
        if over:
            await _write(send, text, more=False)
            return
        if not text and time.monotonic() - silent_since >= HEARTBEAT_SECONDS:
            text = ":\n\n"
        if text:
            await _write(send, text)
            text, silent_since = "", time.monotonic()
        await poll.wait_for_change(number)
        if time.monotonic() - verified >= POLL_SECONDS / 2 or poll.refused:
            verified = time.monotonic()
            if not await authorized():
                await _write(send, "", more=False)
                return


async def _authorized(scope: Scope, poll: _ProgressPoll, follower: Follower) -> bool:
    """Return whether the follower's credential is still valid, with its renewed token; while auth is unreachable, it counts as valid."""
    try:
        if (token := await valid_token(scope)) is not None:
            poll.renew(follower, f"Bearer {token}")
    except EchoError as error:
        return error.status >= _OUTAGE
    return follower.token not in poll.refused


async def _write(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


def _last_event_id(headers: Mapping[bytes, bytes]) -> int:
    given = headers.get(b"last-event-id", b"")
    return int(given) if given.isdigit() and len(given) <= 9 else 0
