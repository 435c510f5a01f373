"""Progress of a job as server-sent events, derived from its polled state."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from echo_common.contracts.values import JobStatus
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_common.http.forward import CLIENT_GONE, ClientRequest
from echo_common.http.streams import KEEP_ALIVE, KEEP_ALIVE_SECONDS
from echo_gateway.authentication import valid_token
from echo_gateway.progress_polls import OUTAGE, POLL_SECONDS, Follower, ProgressPoll, ProgressPolls

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


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


async def _send_events(poll: ProgressPoll, seen: int, send: Send, authorized: Callable[[], Awaitable[bool]]) -> None:
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
        if not text and time.monotonic() - silent_since >= KEEP_ALIVE_SECONDS:
            text = KEEP_ALIVE
        if text:
            await _write(send, text)
            text, silent_since = "", time.monotonic()
        await poll.wait_for_change(number)
        if time.monotonic() - verified >= POLL_SECONDS / 2 or poll.refused:
            verified = time.monotonic()
            if not await authorized():
                await _write(send, "", more=False)
                return


async def _authorized(scope: Scope, poll: ProgressPoll, follower: Follower) -> bool:
    """Return whether the follower's credential is still valid, with its renewed token; while auth is unreachable, it counts as valid."""
    try:
        if (token := await valid_token(scope)) is not None:
            poll.renew(follower, f"Bearer {token}")
    except EchoError as error:
        return error.status >= OUTAGE
    return follower.token not in poll.refused


async def _write(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


def _last_event_id(headers: Mapping[bytes, bytes]) -> int:
    given = headers.get(b"last-event-id", b"")
    return int(given) if given.isdigit() and len(given) <= 9 else 0
