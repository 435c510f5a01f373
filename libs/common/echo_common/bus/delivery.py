"""The one delivery path, the same for every broker: decode, skip what is known, handle, remember; retry, then bury."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from pydantic import ValidationError as InvalidBodyError

from echo_common.bus.inbox import DeadLetter, DeadLetters, Inbox
from echo_common.bus.port import DELIVERY_LIMIT, Consumer, Done, Message, Outcome, Retry
from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.registry import event_types
from echo_common.errors import ConflictError, ServiceUnavailableError

CAUSATION = "causation-id"
"""Header that names the event whose handling caused this one."""

current_cause: ContextVar[str | None] = ContextVar("current_cause", default=None)
"""Id of the event being handled in this task, else None. Set by `Delivery` alone; a context variable, so that neither a
handler nor the domain has to carry it to the repository, which reads it through `origin_headers`."""

_STUMBLE = 0.1
"""Seconds until a message is delivered again that its consumer has raised at."""

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


def origin_headers() -> dict[str, str]:
    """Where an event recorded now comes from: the current trace context, and the causing event's id if there is one."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    if cause := current_cause.get():
        headers[CAUSATION] = cause
    return headers


def encode(event: DomainEvent, headers: Mapping[str, str] | None = None) -> Message:
    """The event in its wire form; `headers` defaults to none (see `origin_headers`)."""
    return Message(
        id=event.event_id,
        topic=event.topic,
        version=event.event_version,
        body=event.model_dump_json().encode(),
        transient=event.transient,
        headers=dict(headers or {}),
    )


class UndecodableError(ValueError):
    """The message is no event this code knows; delivering it again cannot help."""


class ReplayFailedError(ConflictError):
    """The dead letter's handler failed again; the letter is kept."""

    code = "DEAD_LETTER_REPLAY_FAILED"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failing handler is tried, and when: `first * factor**n` seconds, at most `longest`, plus jitter.

    Defaults: five attempts, 0.5, 1.5, 4.5 and 13.5 s apart. `jitter` is the largest share added to a delay. `timeout` is how
    long (s) one attempt may take. An outage (`ServiceUnavailableError`) is no fault of the message's: it never counts as the
    last attempt.
    """

    attempts: int = 5
    first: float = 0.5
    factor: float = 3.0
    longest: float = 30.0
    jitter: float = 0.2
    timeout: float = 60.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the given failed attempt (1 is the first)."""
        # The exponent is bounded because an outage may last for any number of attempts.
        plain = min(self.first * self.factor ** min(attempt - 1, 30), self.longest)
        return plain * random.uniform(1, 1 + self.jitter)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Handler:
    """What a service does about one version of an event. An `idempotent` one needs no inbox: running twice changes nothing."""

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

    A durable message is settled by its handler, or retried by `policy`, or buried in the dead letters; when those cannot be
    written it is retried: nothing is lost. Transient messages that fail are logged and forgotten. `dead_letters` may be listed;
    `replay` tries one again.
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
    ) -> None:
        self._service = service
        self._inbox = inbox
        self.dead_letters = dead_letters
        self._policy = policy or RetryPolicy()
        self._types = event_types() if types is None else types
        self._durable = {(h.topic, h.event_type.event_version): h for h in handlers if not h.transient}
        self._transient = {(h.topic, h.event_type.event_version): h for h in handlers if h.transient}

    def consumers(self) -> list[Consumer]:
        """One durable consumer a topic, so that a slow one delays no other, and one transient one for all."""
        durable = sorted(self._durable.values(), key=lambda handler: handler.topic)
        consumers = [
            Consumer(self._service, [topic], self.deliver, bury=self.bury, concurrency=max(h.concurrency for h in handlers))
            for topic, handlers in groupby(durable, key=lambda handler: handler.topic)
        ]
        if self._transient:
            topics = sorted({handler.topic for handler in self._transient.values()})
            concurrency = max(handler.concurrency for handler in self._transient.values())
            consumers.append(Consumer(self._service, topics, self.show, transient=True, concurrency=concurrency))
        return consumers

    async def deliver(self, message: Message) -> Outcome:
        """Handle a durable message."""
        try:
            await self._handle(message)
        except UndecodableError as error:
            return await self.bury(message, str(error))
        except Exception as error:
            outage = isinstance(error, ServiceUnavailableError)
            if message.attempt < self._policy.attempts or outage:
                log.warning("handler_failed", **self._facts(message), error=repr(error), exc_info=not outage)
                return Retry(self._policy.delay(message.attempt))
            log.exception("handler_gave_up", **self._facts(message))
            return await self.bury(message, repr(error))
        return Done()

    async def show(self, message: Message) -> Outcome:
        """Handle a transient message."""
        try:
            event = self._decode(message)
            if handler := self._transient.get((message.topic, message.version)):
                await self._run(handler, event, message)
        except Exception as error:
            log.warning("transient_handler_failed", **self._facts(message), error=repr(error), exc_info=True)
        return Done()

    async def bury(self, message: Message, error: str) -> Outcome:
        """Move a message to the dead letters."""
        try:
            await self.dead_letters.add(DeadLetter(self._service, message, error, message.attempt, now()))
        except Exception as failure:
            log.warning("dead_letter_not_written", **self._facts(message), error=repr(failure))
            return Retry(self._policy.delay(message.attempt))
        log.error("dead_letter", **self._facts(message), error=error)
        return Done()

    async def replay(self, letter_id: str) -> None:
        """Deliver a dead letter again, to this service's handler only, and forget it when that works.

        Raises `DeadLetterNotFoundError`; `ReplayFailedError` when the handler fails again.
        """
        letter = await self.dead_letters.get(letter_id)
        try:
            await self._handle(letter.message)
        except Exception as error:
            raise ReplayFailedError(details={"error": repr(error)}) from error
        await self.dead_letters.remove(letter_id)

    async def _handle(self, message: Message) -> None:
        event = self._decode(message)
        handler = self._durable.get((message.topic, message.version))
        if handler is None:  # another version of the fact, published beside the one handled here
            return
        if not handler.idempotent and await self._inbox.seen(event.event_id):
            return
        await self._run(handler, event, message)
        if not handler.idempotent:
            await self._inbox.mark(event.event_id)

    async def _run(self, handler: Handler, event: DomainEvent, message: Message) -> None:
        parent = propagate.extract(message.headers, context=Context())
        attributes = {
            "messaging.operation.type": "process",
            "messaging.destination.name": message.topic,
            "messaging.message.id": message.id,
            "messaging.consumer.group.name": self._service,
        }
        name, kind = f"process {message.topic}", trace.SpanKind.CONSUMER
        with tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes):
            cause = current_cause.set(event.event_id)
            try:
                async with asyncio.timeout(self._policy.timeout):
                    await handler.run(event)
            finally:
                current_cause.reset(cause)

    def _decode(self, message: Message) -> DomainEvent:
        event_type = self._types.get((message.topic, message.version))
        if event_type is None:
            raise UndecodableError(f"no event {message.topic} of version {message.version}")
        try:
            return event_type.model_validate_json(message.body)
        except InvalidBodyError as error:
            raise UndecodableError(str(error)) from error

    def _facts(self, message: Message) -> dict[str, object]:
        return {"service": self._service, "topic": message.topic, "event_id": message.id, "attempt": message.attempt}


async def outcome_of(consumer: Consumer, message: Message) -> Outcome:
    """Deliver, for an adapter. A consumer that raises has a bug beneath `Delivery`: retried, in the end buried."""
    facts = {"service": consumer.service, "topic": message.topic, "event_id": message.id}
    try:
        return await consumer.deliver(message)
    except Exception as error:
        log.exception("delivery_without_outcome", **facts)
        if message.attempt < DELIVERY_LIMIT:
            return Retry(_STUMBLE)
        reason = repr(error)
    if consumer.bury is None:
        log.error("message_dropped", **facts, error=reason)
        return Done()
    try:
        return await consumer.bury(message, reason)
    except Exception:
        log.exception("message_not_buried", **facts)
        return Retry(_STUMBLE)
