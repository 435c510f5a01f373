"""Jobs that clients follow, each polled once for all of them; events from the bus only trigger a poll."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from echo_common.background_tasks import BackgroundTasks
from echo_common.contracts.values import JobStatus
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_gateway.progress_events import events_since

POLL_SECONDS = 2.5
OUTAGE = 500
"""Status from which an error does not tell whether access is permitted."""


class ProgressPolls:
    """The followed jobs; each is polled once for all its followers.

    Notifications for jobs without followers are dropped.
    """

    def __init__(self) -> None:
        self._polls: dict[str, ProgressPoll] = {}
        self._by_job: defaultdict[str, set[ProgressPoll]] = defaultdict(set)

    @asynccontextmanager
    async def following(
        self, client: ServiceClient, job_id: str, path: str, follower: "Follower"
    ) -> "AsyncIterator[ProgressPoll]":
        """Follow a job while the context is open, with the follower's access to it.

        When the last follower leaves, polling stops.
        """
        poll = self._polls.get(path)
        if poll is None:
            poll = self._polls[path] = ProgressPoll(client, path)
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


class ProgressPoll:
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
        self._polling = BackgroundTasks()
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
            self._poll = self._polling.start(self._keep_polling())

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
        await self._polling.close()

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
                if error.status >= OUTAGE:
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
