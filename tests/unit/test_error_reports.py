"""Errors are reported once, grouped, bounded and without secrets."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from echo_common.contracts.events.synthesis import SynthesisErrorLogged
from echo_common.error_reports import MAXIMUM_GROUPS, REPEAT_SECONDS, ErrorReports, describe_error
from echo_common.errors import EchoError, NotFoundError, ServiceUnavailableError
from echo_common.http.app import create_app
from echo_common.http.client import RemoteError
from echo_common.http.endpoints import PublicRouter
from echo_common.http.forward import BrokenResponseError
from echo_common.http.request_telemetry import RequestTelemetry
from echo_common.metrics import Metrics
from echo_common.redaction import redact

TEXT = "Ein privater Text über Ada"


class _EngineBrokenError(EchoError):
    """The engine broke."""

    code = "ENGINE_BROKEN"


def fail(secret: str = "hunter2") -> None:
    raise KeyError(f"no voice for password={secret}")


def failed(reports: ErrorReports, raising: Callable[[], Any] = fail) -> None:
    try:
        raising()
    except Exception as error:
        reports.report("request", "/voices/{voice_id}", error)


def test_an_error_has_its_type_message_and_place_without_secrets() -> None:
    reports = ErrorReports("synthesis")
    failed(reports)
    (event,) = reports.collect()
    assert isinstance(event, SynthesisErrorLogged)
    assert (event.error_type, event.source, event.subject, event.count) == ("KeyError", "request", "/voices/{voice_id}", 1)
    assert event.stack_trace is not None
    assert "test_error_reports.py" in event.stack_trace.splitlines()[-1]
    assert "hunter2" not in event.model_dump_json()
    assert "/home" not in event.stack_trace
    assert reports.collect() == []


def test_a_loop_of_errors_is_one_event() -> None:
    reports = ErrorReports("synthesis")
    for _ in range(10_000):
        failed(reports)
    (event,) = reports.collect()
    assert event.count == 10_000
    assert event.last_at >= event.occurred_at


def test_the_number_and_the_size_of_events_are_bounded() -> None:
    reports = ErrorReports("synthesis")
    for number in range(10 * MAXIMUM_GROUPS):
        reports.report("task", f"queue {number}", error_type="X", message="m" * 10_000)
    events = reports.collect()
    assert len(events) == MAXIMUM_GROUPS + 1
    assert sum(event.count for event in events) == 10 * MAXIMUM_GROUPS
    assert max(len(event.error_message) for event in events) <= 1_000


class Loop:
    """A loop in the background that fails every second, and the time of its process."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.reports = ErrorReports("synthesis", clock=lambda: self.seconds)

    def run(self, seconds: int, every: int = 5) -> list[int]:
        """Fail every second; return the numbers of errors in the events that are published every few seconds."""
        counts: list[int] = []
        for second in range(seconds):
            try:
                fail()
            except KeyError as error:
                self.reports.report("background", "retention", error)
            if second % every == 0:
                counts += [event.count for event in self.reports.collect()]
            self.seconds += 1
        return counts


def test_a_loop_that_fails_every_second_is_one_event_a_minute() -> None:
    loop = Loop()
    counts = loop.run(600)
    assert counts[0] == 1, "the first failure is published at once"
    assert len(counts) == 600 / REPEAT_SECONDS
    loop.seconds += REPEAT_SECONDS
    assert sum(counts) + sum(event.count for event in loop.reports.collect()) == 600


def test_a_failure_after_a_calm_time_is_published_at_once() -> None:
    loop = Loop()
    assert loop.run(1) == [1]
    loop.seconds += REPEAT_SECONDS
    assert loop.run(1) == [1]


def test_repeated_errors_of_loops_are_published_before_the_end() -> None:
    loop = Loop()
    assert loop.run(3, every=1) == [1]
    loop.reports.close()
    assert [event.count for event in loop.reports.collect()] == [2]
    assert loop.reports.collect() == []


def test_repeated_errors_of_loops_leave_room_for_those_of_requests() -> None:
    reports = ErrorReports("synthesis", clock=lambda: 0.0)
    for _ in range(2):
        for number in range(MAXIMUM_GROUPS):
            reports.report("background", f"loop {number}", error_type="X", message="It broke.")
        failed(reports)
        events = {event.subject: event.count for event in reports.collect()}
        assert events["/voices/{voice_id}"] == 1


class Speech(BaseModel):
    settings: dict[str, int]


def refuse_value() -> None:
    Speech.model_validate({"settings": {TEXT: TEXT}})


def wrap_value() -> None:
    try:
        refuse_value()
    except ValueError as error:
        raise RuntimeError(f"invalid: {error}") from error


@pytest.mark.parametrize(
    ("raising", "described"),
    [
        (lambda: dict[str, str]()[TEXT], "KeyError"),
        (lambda: int(TEXT), "ValueError"),
        (lambda: TEXT.encode("ascii"), "UnicodeEncodeError"),
        (lambda: Path(TEXT).read_bytes(), "FileNotFoundError (ENOENT)"),
        (refuse_value, "ValidationError (Speech: int_parsing)"),
        (wrap_value, "RuntimeError"),
    ],
)
def test_messages_of_other_exceptions_are_not_reported(raising: Callable[[], Any], described: str) -> None:
    reports = ErrorReports("synthesis")
    failed(reports, raising)
    (event,) = reports.collect()
    assert event.error_message.startswith(f"{described} at ")
    assert TEXT not in event.model_dump_json()


def test_messages_of_own_errors_are_reported() -> None:
    assert describe_error(_EngineBrokenError("The engine tone broke.")) == "The engine tone broke."
    assert describe_error(_EngineBrokenError()) == "The engine broke."


def test_messages_of_errors_that_quote_a_request_are_not_reported() -> None:
    assert describe_error(NotFoundError(f"There is no voice {TEXT!r}.")) == NotFoundError().message
    assert TEXT not in describe_error(RemoteError(404, "NOT_FOUND", TEXT))


def test_messages_of_errors_that_may_quote_a_text_are_not_reported() -> None:
    class QuotingError(_EngineBrokenError):
        """The provider broke."""

        may_quote_text = True

    assert describe_error(QuotingError(f"no speech of {TEXT}")) == "The provider broke."


def test_an_exception_that_was_never_raised_has_a_description() -> None:
    assert describe_error(KeyError(TEXT)) == "KeyError"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def",
        "{'api_key': 'hunter2'}",
        "connect amqp://user:hunter2@broker failed",
        "GET /a?ticket=hunter2&x=1",
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln",
        "mail to hunter2@example.com",
        'token="hunter2 with spaces"',
    ],
)
def test_secrets_are_removed_from_texts(text: str) -> None:
    cleaned = redact(text)
    assert "[redacted]" in cleaned
    assert not any(secret in cleaned for secret in ("hunter2", "abc.def", "eyJzdWIi"))


def test_texts_without_secrets_stay() -> None:
    text = "There is no voice af_heart in /models/kokoro (attempt 3 of 5)."
    assert redact(text) == text


FAILURES = [
    (KeyError("voice"), "KeyError"),
    (_EngineBrokenError(), "_EngineBrokenError"),
    (RemoteError(500, "INTERNAL_ERROR", "It failed."), None),
    (ServiceUnavailableError(), None),
    (NotFoundError(), None),
]


@pytest.mark.parametrize(("error", "reported"), FAILURES)
@pytest.mark.parametrize("accepted", [False, True])
async def test_failed_websockets_are_logged_and_reported_once(error: Exception, reported: str | None, accepted: bool) -> None:
    sent: list[Message] = []

    async def fail(scope: Scope, _: Receive, send: Send) -> None:
        if accepted:
            await send({"type": "websocket.accept"})
        raise error

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    reports = ErrorReports("synthesis")
    app = RequestTelemetry(fail, service="synthesis", metrics=Metrics(), max_body=1000, errors=reports)
    with capture_logs() as logs:
        await app({"type": "websocket", "path": "/ws", "headers": []}, receive, send)
    assert [event.error_type for event in reports.collect()] == ([] if reported is None else [reported])
    is_logged = reported is not None or isinstance(error, RemoteError)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == (["request_failed"] if is_logged else [])


@pytest.mark.parametrize(("error", "reported"), [*FAILURES, (BrokenResponseError("synthesis broke off"), None)])
async def test_streams_that_fail_are_reported_by_the_service_that_failed(error: Exception, reported: str | None) -> None:
    router, reports = APIRouter(), ErrorReports("synthesis")

    async def stream() -> AsyncIterator[bytes]:
        yield b"speech"
        raise error

    @router.get("/speech")
    async def read_speech() -> StreamingResponse:
        return StreamingResponse(stream())

    app = create_app("synthesis", [router], metrics=Metrics(), errors=reports)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        with pytest.raises(Exception):  # noqa: B017, PT011 - the server aborts the connection
            await client.get("/speech")
    assert [event.error_type for event in reports.collect()] == ([] if reported is None else [reported])


@pytest.mark.parametrize(("error", "reported"), FAILURES)
async def test_failures_of_plain_endpoints_are_reported_once(error: Exception, reported: str | None) -> None:
    router, reports = PublicRouter("others", root="/api", plain=True), ErrorReports("synthesis")

    @router.endpoint("GET", "/speech")
    async def read_speech() -> dict[str, str]:
        """Read speech."""
        raise error

    app = create_app("synthesis", [router], metrics=Metrics(), errors=reports)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await client.get("/speech")
    events = reports.collect()
    assert [(event.error_type, event.subject) for event in events] == ([] if reported is None else [(reported, "/speech")])


@pytest.mark.parametrize(("error", "reported"), FAILURES)
async def test_failed_requests_are_reported_once_by_the_service_that_failed(error: Exception, reported: str | None) -> None:
    router, reports = APIRouter(), ErrorReports("synthesis")

    @router.get("/voices/{voice_id}")
    async def get_voice(voice_id: str) -> None:
        raise error

    app = create_app("synthesis", [router], metrics=Metrics(), errors=reports)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/voices/secret", headers={"X-Request-ID": "req_12345678"})
    events = reports.collect()
    assert [event.error_type for event in events] == ([] if reported is None else [reported])
    if events:
        assert response.status_code == 500
        assert (events[0].subject, events[0].request_id) == ("/voices/{voice_id}", "req_12345678")
        assert events[0].trace_id is not None
