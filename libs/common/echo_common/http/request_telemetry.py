"""Telemetry middleware: request id, trace, access log, metrics, security headers, last resort for errors."""

import asyncio
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType

import structlog
from opentelemetry.trace import Span, Status, StatusCode
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.error_reports import ErrorReports, current_reports
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    FileTooLargeError,
    InternalError,
    ServiceUnavailableError,
    is_failure,
)
from echo_common.http.envelope import RESPONSE_STARTS, deny_websocket, error_response
from echo_common.http.forward import BrokenResponseError
from echo_common.http.languages import accepted_languages
from echo_common.metrics import STATUS_CLASSES, Metrics
from echo_common.telemetry import request_context
from echo_common.tracing import record_error, request_span, trace_id_of, traceparent_of

_PARAMETER = re.compile(r"({[^{}]+})")
_SANE_ID = re.compile(rb"^[A-Za-z0-9_.-]{8,80}$")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/health", "/internal/trust"})
_FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries and text fields of a multipart body
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-site"),
)


_INTERNAL_ERROR = 1011  # of RFC 6455
_DRAINED_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 2.0
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Header by which browsers use HTTPS only; they ignore it in responses over HTTP (RFC 6797, section 8.1)."""
_HTTPS_HEADERS = (*SECURITY_HEADERS, STRICT_TRANSPORT)
_ENCRYPTED = frozenset({"https", "wss"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "_OTHER"  # clients may send any word as a method, and labels have few values
_SERVER_ERROR = 500
_WEBSOCKET = "WEBSOCKET"
_MOST_SERIES = 2048
"""Number of combinations of labels whose metrics are kept at hand; a service has fewer."""


class RequestTelemetry:
    """ASGI middleware for telemetry. A valid `X-Request-ID` is used as request id, and every response carries it.

    With `https`, users reach the service over HTTPS, maybe through a reverse proxy that speaks HTTP with it. With
    `trace_response`, responses name their trace in `traceresponse` (W3C Trace Context) and `X-Trace-Id`.
    `client_trace_ratio` is the share of the traces of clients that is recorded; if None, the flag of their `traceparent` decides.

    The measured duration ends with the response; that of a stream (a response without `Content-Length`) and of a WebSocket
    connection ends with its start. Health checks and reads of the metrics are not measured.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        metrics: Metrics,
        max_body: int,
        uploads: Mapping[str, int] = MappingProxyType({}),
        https: bool = False,
        trace_response: bool = False,
        errors: ErrorReports | None = None,
        client_trace_ratio: float | None = None,
    ) -> None:
        self._app = app
        self._client_trace_ratio = client_trace_ratio
        self._https = https
        self._trace_response = trace_response
        self._errors = errors
        self._service = service
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._metrics = metrics.http
        self._active = self._metrics.active.labels(service)
        self._max_body = max_body
        self._uploads = [(_pattern(path), limit) for path, limit in uploads.items()]
        self._log = structlog.get_logger("echo.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        offered = headers.get(b"x-request-id", b"")
        request_id = offered.decode() if _SANE_ID.match(offered) else f"req_{os.urandom(12).hex()}"
        scope.setdefault("state", {})["request_id"] = request_id
        trace_headers: Sequence[tuple[bytes, bytes]] = ()

        async def send_with_headers(message: Message) -> None:
            if message["type"] in RESPONSE_STARTS:
                out = message["headers"] = list(message.get("headers", ()))
                present = {name.lower() for name, _ in out}
                security = SECURITY_HEADERS if not (self._https or scope.get("scheme") in _ENCRYPTED) else _HTTPS_HEADERS
                out.extend(header for header in security if header[0] not in present)
                if b"x-request-id" not in present:
                    out.append((b"x-request-id", request_id.encode()))
                out.extend(trace_headers)
            await send(message)

        reports = current_reports.set(self._errors)
        token = request_context.set({"request_id": request_id, "service": self._service})
        languages = accepted_languages.set(headers.get(b"accept-language", b"").decode("latin-1"))
        self._active.inc()
        try:
            with request_span(headers, partial(self._attributes, scope), self._client_trace_ratio) as span:
                if self._trace_response:
                    trace_headers = _trace_headers(span)
                if scope["type"] == "websocket":
                    await self._serve_websocket(scope, receive, send_with_headers, span)
                else:
                    await self._serve(scope, self._counted(receive, headers, scope["path"]), send_with_headers, span)
        finally:
            self._active.dec()
            current_reports.reset(reports)
            request_context.reset(token)
            accepted_languages.reset(languages)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started = time.perf_counter()
        request_id: str = scope["state"]["request_id"]
        status, begun = 0, 0.0

        async def recording_send(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status = message["status"]
                begun = 0.0 if _has_length(message) else time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, recording_send)
        except BodyTooLargeError as error:
            if not status:
                await error_response(error, request_id)(scope, receive, recording_send)
        except asyncio.CancelledError:  # the server is stopping, its grace period has ended
            if status:
                raise
            await error_response(ServiceUnavailableError(), request_id)(scope, receive, recording_send)
        except ClientDisconnect:
            self._log.info("client_disconnected", path=scope["path"])
        except Exception as error:
            self._log.exception("request_failed", path=scope["path"])
            record_error(span, error)
            # Starlette wraps an error that it can no longer answer, because the response has begun.
            wrapped = error.__cause__ if status else None
            self._report(scope, wrapped if isinstance(wrapped, EchoError) else error)
            if status:
                raise  # the response has begun: only an aborted connection signals the error
            await error_response(InternalError(), request_id)(scope, receive, recording_send)
        finally:
            seconds = time.perf_counter() - started
            self._record(scope, scope["method"], status, seconds, begun or seconds, span)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        """Serve a WebSocket connection; an error before it is accepted refuses the handshake, a later one closes with 1011."""
        started = time.perf_counter()
        status, begun = 0, 0.0

        async def recording_send(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "websocket.accept":
                status, begun = 101, time.perf_counter() - started
            elif message["type"] == "websocket.http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.close":
                status = status or 403
            await send(message)

        try:
            await self._app(scope, receive, recording_send)
        except Exception as error:
            if is_failure(error):
                self._log.exception("request_failed", path=scope["path"])
                record_error(span, error)
                self._report(scope, error)
            if not status:
                await deny_websocket(error if isinstance(error, EchoError) else InternalError(), scope, recording_send)
            else:
                with suppress(RuntimeError, OSError):  # the connection may be closed already
                    await send({"type": "websocket.close", "code": _INTERNAL_ERROR})
        finally:
            seconds = time.perf_counter() - started
            self._record(scope, _WEBSOCKET, status, seconds, begun or seconds, span)

    def _report(self, scope: Scope, error: Exception) -> None:
        # The service that broke off, or that sent the error, has reported it.
        reported = isinstance(error, BrokenResponseError) or (isinstance(error, EchoError) and error.remote)
        if self._errors is not None and is_failure(error) and not reported:
            self._errors.report("request", getattr(scope.get("route"), "path", None), error)

    def _attributes(self, scope: Scope) -> Mapping[str, str]:
        method = scope.get("method", _WEBSOCKET)
        return {"http.request.method": method, "url.path": scope["path"], "echo.service": self._service}

    def _counted(self, receive: Receive, headers: dict[bytes, bytes], path: str) -> Receive:
        """Return a `receive` that rejects a body over its path's limit by its declared length, or while it arrives."""
        upload = None if _is_json(headers) else next((most for pattern, most in self._uploads if pattern.fullmatch(path)), None)
        limit = self._max_body if upload is None else upload + _FORM_OVERHEAD_BYTES
        declared = 0
        with suppress(ValueError):
            declared = int(headers.get(b"content-length", b"0"))
        seen = 0

        def refusal() -> BodyTooLargeError:
            if upload is not None:
                return FileTooLargeError(f"The file is larger than {upload} bytes.")
            return BodyTooLargeError(f"The request body is larger than {limit} bytes.")

        async def counted() -> Message:
            nonlocal seen
            if declared > limit:
                await _drain_body(receive)
                raise refusal()
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    await _drain_body(receive)
                    raise refusal()
            return message

        return counted

    def _record(self, scope: Scope, method: str, status: int, seconds: float, measured_seconds: float, span: Span) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        quiet = scope["path"] in _QUIET
        if not quiet:  # probes would dilute the error rate of users, and an unready service would seem to fail requests
            labels = (method if method in _METHODS or method is _WEBSOCKET else _OTHER_METHOD, route, status)
            responses, duration = self._series.get(labels) or self._add_series(labels)
            responses.inc()
            duration.observe(measured_seconds)
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= _SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR))
        if not quiet:
            self._log.info("request_completed", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 2))

    def _add_series(self, labels: tuple[str, str, int]) -> tuple[Counter, Histogram]:
        method, route, status = labels
        if len(self._series) >= _MOST_SERIES:
            self._series.clear()
        status_class = STATUS_CLASSES[min(status // 100, 5)]  # RFC 9110, section 15: an invalid status counts as 5xx
        duration = self._metrics.duration.labels(self._service, method, route, status_class)
        series = self._series[labels] = (self._metrics.responses.labels(self._service, str(status)), duration)
        return series


def _pattern(path: str) -> re.Pattern[str]:
    """Return the pattern of a path, whose parameters match any text without slashes."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _PARAMETER.split(path)))


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").lower().partition(b";")[0].strip().endswith(b"json")


def _has_length(message: Message) -> bool:
    """Return whether the start of a response tells its length; that of a stream does not."""
    return any(name == b"content-length" for name, _ in message.get("headers", ()))


def _trace_headers(span: Span) -> Sequence[tuple[bytes, bytes]]:
    """Return the response headers with the span's trace: for machines, and its id alone for people."""
    traceparent = traceparent_of(span)
    if traceparent is None:
        return ()
    return ((b"traceresponse", traceparent.encode()), (b"x-trace-id", (trace_id_of(traceparent) or "").encode()))


async def _drain_body(receive: Receive) -> None:
    """Drain part of the body: a client that is still sending when the connection closes never reads the error response."""
    left = _DRAINED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                if not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
