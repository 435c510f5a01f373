"""Tests of clients that disconnect before their request is read."""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from echo_common.http.request_telemetry import RequestTelemetry
from echo_common.metrics import Metrics


async def test_a_disconnected_client_is_no_error() -> None:
    sent: list[Message] = []

    async def reads_the_body(_: Scope, __: Receive, ___: Send) -> None:
        raise ClientDisconnect

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = RequestTelemetry(reads_the_body, service="test", metrics=Metrics(), max_body=1000)
    scope: Scope = {"type": "http", "method": "POST", "path": "/upload", "headers": [], "query_string": b"", "state": {}}
    with capture_logs() as entries:
        await app(scope, receive, send)

    logged: Mapping[str, str] = {entry["event"]: entry["log_level"] for entry in entries}
    assert logged == {"client_disconnected": "info", "request_completed": "info"}
    assert sent == []
