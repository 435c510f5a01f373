"""Tests of responses of a stopping server."""

import asyncio
import json

from starlette.types import Message, Receive, Scope, Send

from echo_common.http.request_telemetry import RequestTelemetry
from echo_common.metrics import Metrics


async def test_requests_cancelled_by_a_stopping_server_receive_503() -> None:
    begun = asyncio.Event()
    sent: list[Message] = []

    async def never_ends(_: Scope, __: Receive, ___: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    app = RequestTelemetry(never_ends, service="test", metrics=Metrics(), max_body=1000)
    scope: Scope = {"type": "http", "method": "GET", "path": "/slow", "headers": [], "query_string": b"", "state": {}}
    serving = asyncio.create_task(app(scope, receive, send))
    await begun.wait()
    serving.cancel()
    await serving  # without an error that the server would print

    start, body = sent
    assert start["status"] == 503
    assert json.loads(body["body"])["error"]["code"] == "SERVICE_UNAVAILABLE"
