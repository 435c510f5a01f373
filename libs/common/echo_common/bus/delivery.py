"""Broker-independent delivery: decode, deduplicate, handle, mark as handled; retry, then store as a dead letter."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter

import structlog
from opentelemetry import trace
from prometheus_client import CollectorRegistry
from pydantic import ValidationError as InvalidBodyError

from echo_common.backoff import Backoff
from echo_common.bus.port import DELIVERY_LIMIT, Consumer, DeadLetter, DeadLetters, Done, Inbox, Message, Outcome, Retry
from echo_common.clock import now
from echo_common.contracts.error_logged import is_error_topic
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.registry import event_types
from echo_common.error_reports import ErrorReports, current_reports
from echo_common.errors import ConflictError, ServiceUnavailableError, is_failure
from echo_common.metrics import BusMetrics, MessageOutcome
from echo_common.tracing import TRACEPARENT, context_of, inject, recording_span, trace_id_of

CAUSATION = "causation-id"
"""Header with the id of the event whose handling caused this one."""

current_cause: ContextVar[str | None] = ContextVar("current_cause", default=None)
"""Id of the event that this task is handling, else None. Set by `Delivery` alone. It is a context variable so that neither
handlers nor the domain pass it to the repository, which reads it through `origin_headers`."""

_RETRY_SECONDS = 0.1
"""Seconds before redelivery of a message whose consumer raised."""

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


def origin_headers() -> dict[str, str]:
    """Return the headers for an event recorded now: the current trace context and, if there is one, the causing event's id."""
    headers: dict[str, str] = {}
    inject(headers)
    if cause := current_cause.get():
        headers[CAUSATION] = cause
    return headers


def encode(event: DomainEvent, headers: Mapping[str, str] | None = None) -> Message:
    """Return the event as a message; `headers` defaults to none (see `origin_headers`)."""
    return Message(
        id=event.event_id,
        topic=event.topic,
        version=event.event_version,
        body=event.model_dump_json().encode(),
        transient=event.transient,
        headers=dict(headers or {}),
    )


class UndecodableError(ValueError):
    """The message is not a known event; redelivery cannot help."""


class ReplayFailedError(ConflictError):
    """The dead letter's handler failed again; the dead letter is kept."""

    code = "DEAD_LETTER_REPLAY_FAILED"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number and delays of attempts: `first * factor**n` seconds, at most `longest`, plus jitter.

    Defaults: five attempts, 0.5, 1.5, 4.5 and 13.5 s apart. `jitter` is the largest share added to a delay. `timeout` is the
    limit of one attempt in seconds. An outage (`ServiceUnavailableError`) is not the message's fault and never counts as the
    last attempt.
    """

    attempts: int = 5
    first: float = 0.5
    factor: float = 3.0
    longest: float = 30.0
    jitter: float = 0.2
    timeout: float = 60.0

    def delay(self, attempt: int) -> float:
        """Return the delay in seconds after the given failed attempt (1 is the first)."""
        return Backoff(self.first, self.longest, self.factor, (1, 1 + self.jitter)).delay(attempt)


@dataclass(frozen=True, slots=True)
class Handler:
    """A service's handler for one version of an event. An `idempotent` handler needs no inbox: a repeat has no effect."""

    event_type: type[DomainEvent]
    run: Callable[[DomainEvent], Awaitable[None]]
    transient: bool = False
    idempotent: bool = False
    concurrency: int = 16

    @property
    def topic(self) -> str:
        """The event's topic."""
        return self.event_type.topic


class Delivery:
    """A service's handlers, bound to its inbox and its dead letters.

    A durable message is handled, or retried by `policy`, or stored as a dead letter; when that write fails, the message is
    retried, so no message is lost. Transient messages that fail are logged and dropped. `replay` delivers a dead letter again.
    """

    def __init__(
        self,
        service: str,
        handlers: Sequence[Handler],
        inbox: Inbox,
        dead_letters: DeadLetters,
        *,
        policy: RetryPolicy | None = None,
        types: Mapping[tuple[str, int], type[DomainEvent]] | None = None,
        metrics: BusMetrics | None = None,
        errors: ErrorReports | None = None,
    ) -> None:
        self._service = service
        self._errors = errors
        self._handling = (metrics or BusMetrics(CollectorRegistry())).handling
        self._inbox = inbox
        self.dead_letters = dead_letters
        self._policy = policy or RetryPolicy()
        self._types = event_types() if types is None else types
        self._durable = {(h.topic, h.event_type.event_version): h for h in handlers if not h.transient}
        self._transient = {(h.topic, h.event_type.event_version): h for h in handlers if h.transient}
        self._topics = frozenset(handler.topic for handler in handlers)

    def consumers(self) -> list[Consumer]:
        """Return one durable consumer per topic, so that none delays another, and one transient consumer for all topics."""
        durable = sorted(self._durable.values(), key=lambda handler: handler.topic)
        consumers = [
            Consumer(
                self._service,
                [topic],
                self.deliver,
                dead_letter=self.store_dead_letter,
                concurrency=max(h.concurrency for h in handlers),
            )
            for topic, handlers in groupby(durable, key=lambda handler: handler.topic)
        ]
        if self._transient:
            topics = sorted({handler.topic for handler in self._transient.values()})
            concurrency = max(handler.concurrency for handler in self._transient.values())
            consumers.append(Consumer(self._service, topics, self.deliver_transient, transient=True, concurrency=concurrency))
        return consumers

    async def deliver(self, message: Message) -> Outcome:
        """Handle a durable message."""
        started = perf_counter()
        outcome, label = await self._deliver(message)
        self._observe(message, label if isinstance(outcome, Done) else "retried", started)
        return outcome

    async def _deliver(self, message: Message) -> tuple[Outcome, MessageOutcome]:
        """Return the outcome, and its label in the metrics if it is final."""
        try:
            await self._handle(message)
        except UndecodableError as error:
            return await self.store_dead_letter(message, str(error)), "dead_lettered"
        except Exception as error:
            outage = isinstance(error, ServiceUnavailableError)
            if message.attempt < self._policy.attempts or outage:
                log.warning("handler_failed", **self._log_fields(message), error=repr(error), exc_info=not outage)
                return Retry(self._policy.delay(message.attempt)), "retried"
            log.exception("handler_retries_exhausted", **self._log_fields(message))
            return await self.store_dead_letter(message, repr(error), error), "dead_lettered"
        return Done(), "done"

    def _observe(self, message: Message, outcome: MessageOutcome, started: float) -> None:
        # unknown topics could have any name
        topic = message.topic if message.topic in self._topics else "unknown"
        self._handling.labels(self._service, topic, outcome).observe(perf_counter() - started)

    async def deliver_transient(self, message: Message) -> Outcome:
        """Handle a transient message."""
        started = perf_counter()
        outcome: MessageOutcome = "done"
        try:
            event = self._decode(message)
            if handler := self._transient.get((message.topic, message.version)):
                await self._run(handler, event, message)
        except Exception as error:
            outcome = "dropped"
            log.warning("transient_handler_failed", **self._log_fields(message), error=repr(error), exc_info=True)
            if self._errors is not None and is_failure(error) and not is_error_topic(message.topic):
                self._errors.report("event", message.topic, error, trace_id=trace_id_of(message.headers.get(TRACEPARENT)))
        self._observe(message, outcome, started)
        return Done()

    async def store_dead_letter(self, message: Message, error: str, cause: Exception | None = None) -> Outcome:
        """Store a message as a dead letter, and report it."""
        try:
            await self.dead_letters.add(DeadLetter(self._service, message, error, message.attempt, now()))
        except Exception as failure:
            log.warning("dead_letter_write_failed", **self._log_fields(message), error=repr(failure))
            return Retry(self._policy.delay(message.attempt))
        log.error("message_dead_lettered", **self._log_fields(message), error=error)
        # A report of an error that could not be handled would lead to the next one, without end.
        if self._errors is not None and not is_error_topic(message.topic):
            # The reason may quote the body, and a report outlives a user's erasure.
            kind, text = (
                (None, None) if cause else ("DeadLetter", "The message was not delivered. The dead letter has the reason.")
            )
            trace_id = trace_id_of(message.headers.get(TRACEPARENT))
            self._errors.report("event", message.topic, cause, error_type=kind, message=text, trace_id=trace_id)
        return Done()

    async def replay(self, letter_id: str) -> None:
        """Deliver a dead letter again, to this service's handler only, and remove it on success.

        Raises `DeadLetterNotFoundError`; `ReplayFailedError` when the handler fails again.
        """
        dead_letter = await self.dead_letters.get(letter_id)
        try:
            await self._handle(dead_letter.message)
        except Exception as error:
            raise ReplayFailedError(details={"error": repr(error)}) from error
        await self.dead_letters.remove(letter_id)

    async def _handle(self, message: Message) -> None:
        event = self._decode(message)
        handler = self._durable.get((message.topic, message.version))
        if handler is None:  # another version of the event, published beside the one handled here
            return
        if not handler.idempotent and await self._inbox.seen(event.event_id):
            return
        await self._run(handler, event, message)
        if not handler.idempotent:
            await self._inbox.mark(event.event_id)

    async def _run(self, handler: Handler, event: DomainEvent, message: Message) -> None:
        parent = context_of(message.headers.get(TRACEPARENT))
        attributes = {
            "messaging.operation.type": "process",
            "messaging.destination.name": message.topic,
            "messaging.message.id": message.id,
            "messaging.consumer.group.name": self._service,
        }
        name, kind = f"process {message.topic}", trace.SpanKind.CONSUMER
        with recording_span(tracer, name, parent, kind, attributes):
            cause = current_cause.set(event.event_id)
            reports = current_reports.set(self._errors)  # in one process, the publisher's until here
            try:
                async with asyncio.timeout(self._policy.timeout):
                    await handler.run(event)
            finally:
                current_reports.reset(reports)
                current_cause.reset(cause)

    def _decode(self, message: Message) -> DomainEvent:
        event_type = self._types.get((message.topic, message.version))
        if event_type is None:
            raise UndecodableError(f"no event {message.topic} of version {message.version}")
        try:
            return event_type.model_validate_json(message.body)
        except InvalidBodyError as error:
            problems = error.errors(include_input=False, include_url=False, include_context=False)
            raise UndecodableError("\n".join(f"{_path_of(problem['loc'])}: {problem['msg']}" for problem in problems)) from None

    def _log_fields(self, message: Message) -> dict[str, object]:
        return {"service": self._service, "topic": message.topic, "event_id": message.id, "attempt": message.attempt}


def _path_of(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "body"


async def outcome_of(consumer: Consumer, message: Message) -> Outcome:
    """Deliver a message for an adapter. An exception here is a bug outside the handler: retry, finally store a dead letter."""
    fields = {"service": consumer.service, "topic": message.topic, "event_id": message.id}
    try:
        return await consumer.deliver(message)
    except Exception as error:
        log.exception("delivery_failed", **fields)
        if message.attempt < DELIVERY_LIMIT:
            return Retry(_RETRY_SECONDS)
        reason = repr(error)
    if consumer.dead_letter is None:
        log.error("message_dropped", **fields, error=reason)
        return Done()
    try:
        return await consumer.dead_letter(message, reason)
    except Exception:
        log.exception("dead_letter_write_failed", **fields)
        return Retry(_RETRY_SECONDS)
