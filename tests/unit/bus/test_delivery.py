import asyncio
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from echo_common.bus.delivery import (
    CAUSATION,
    Delivery,
    ReplayFailedError,
    RetryPolicy,
    current_cause,
    encode,
    origin_headers,
    outcome_of,
)
from echo_common.bus.port import DELIVERY_LIMIT, Consumer, DeadLetterNotFoundError, Done, Message, Outcome, Retry
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.synthesis import JobProgressed, JobQueued
from echo_common.error_reports import ErrorReports, current_reports, reporting_to
from echo_common.errors import ServiceUnavailableError
from echo_common.metrics import Metrics
from tests.support.failing_inbox import MemoryDeadLetters, MemoryInbox

QUICK = RetryPolicy(attempts=3, first=0.001)


class JobQueuedAgain(DomainEvent):
    topic: ClassVar[str] = JobQueued.topic
    event_version: ClassVar[int] = 2


TYPES: dict[tuple[str, int], type[DomainEvent]] = {
    (kind.topic, kind.event_version): kind for kind in (JobQueued, JobProgressed, JobQueuedAgain)
}


@dataclass
class Worker:
    """Dependencies of the handlers below, which record events and fail on demand."""

    got: list[DomainEvent] = field(default_factory=list)
    causes: list[str | None] = field(default_factory=list)
    spans: list[SpanContext] = field(default_factory=list)
    failure: Exception | None = None
    hang: bool = False
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    dead_letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)
    metrics: Metrics = field(default_factory=Metrics)
    errors: ErrorReports = field(default_factory=lambda: ErrorReports("synthesis"))

    def delivery(self, policy: RetryPolicy = QUICK, *, idempotent: bool = False) -> Delivery:
        subscriptions = Subscriptions[Worker]()

        @subscriptions.on(JobQueued, idempotent=idempotent)
        async def claim(event: JobQueued, worker: Worker) -> None:
            await worker.take(event)

        @subscriptions.on(JobProgressed)
        async def show(event: JobProgressed, worker: Worker) -> None:
            await worker.take(event)

        return subscriptions.bind(
            "synthesis",
            self,
            self.inbox,
            self.dead_letters,
            policy=policy,
            types=TYPES,
            metrics=self.metrics.bus,
            errors=self.errors,
        )

    def handled(self, topic: str, outcome: str) -> float:
        labels = {"service": "synthesis", "topic": topic, "outcome": outcome}
        return self.metrics.registry.get_sample_value("messaging_process_duration_seconds_count", labels) or 0

    async def take(self, event: DomainEvent) -> None:
        self.got.append(event)
        self.causes.append(current_cause.get())
        self.spans.append(trace.get_current_span().get_span_context())
        if self.hang:
            await asyncio.Event().wait()
        if self.failure:
            raise self.failure


@pytest.fixture
def worker() -> Worker:
    return Worker()


def queued() -> JobQueued:
    return JobQueued(job_id="job_1", user_id="user_1")


def progressed() -> JobProgressed:
    return JobProgressed(job_id="job_1", user_id="user_1", units_done=1, units_total=2)


async def test_events_arrive_unchanged(worker: Worker) -> None:
    event = queued()
    assert await worker.delivery().deliver(encode(event)) == Done()
    assert worker.got == [event]


async def test_duplicate_events_are_handled_once(worker: Worker) -> None:
    message, delivery = encode(queued()), worker.delivery()
    assert [await delivery.deliver(message) for _ in range(2)] == [Done(), Done()]
    assert len(worker.got) == 1


async def test_idempotent_handlers_skip_the_inbox(worker: Worker) -> None:
    worker.inbox.down = True
    message, delivery = encode(queued()), worker.delivery(idempotent=True)
    assert [await delivery.deliver(message) for _ in range(2)] == [Done(), Done()]
    assert len(worker.got) == 2


async def test_failed_handlers_are_retried_with_growing_delays(worker: Worker) -> None:
    worker.failure = ValueError("no")
    delivery = worker.delivery(RetryPolicy(attempts=4, first=0.5, factor=3, jitter=0.2))
    outcomes = [await delivery.deliver(replace(encode(queued()), attempt=attempt)) for attempt in (1, 2, 3)]
    for outcome, delay in zip(outcomes, (0.5, 1.5, 4.5), strict=True):
        assert isinstance(outcome, Retry)
        assert delay <= outcome.after <= delay * 1.2
    assert not worker.dead_letters.kept


async def test_repeated_failures_create_a_dead_letter(worker: Worker) -> None:
    worker.failure = ValueError("no")
    message = replace(encode(queued(), {"traceparent": "x"}), attempt=3)
    assert await worker.delivery().deliver(message) == Done()
    [letter] = await worker.dead_letters.list()
    assert (letter.id, letter.service, letter.topic, letter.attempts) == (message.id, "synthesis", message.topic, 3)
    assert letter.message == message
    assert "no" in letter.error
    assert message.id not in worker.inbox.handled


async def test_dead_letters_are_reported_once_with_their_trace(worker: Worker) -> None:
    worker.failure = ValueError("a private text")
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    message = encode(queued(), {"traceparent": traceparent})
    delivery = worker.delivery()
    await delivery.deliver(message)
    assert worker.errors.collect() == []
    await delivery.deliver(replace(message, attempt=3))
    (event,) = worker.errors.collect()
    assert (event.error_type, event.source, event.subject) == ("ValueError", "event", message.topic)
    assert event.trace_id == traceparent.split("-")[1]
    assert "private" not in event.model_dump_json()
    await delivery.deliver(replace(message, body=b'{"job_id": "a private text", "user_id": 7}'))
    (event,) = worker.errors.collect()
    assert event.error_type == "DeadLetter"
    assert "private" not in event.model_dump_json()


async def test_a_failure_outside_of_the_handler_is_reported_without_its_message(worker: Worker) -> None:
    async def fail(_: Message) -> Outcome:
        raise ValueError("a private text")

    consumer = Consumer("synthesis", [], fail, dead_letter=worker.delivery().store_dead_letter)
    assert await outcome_of(consumer, replace(encode(queued()), attempt=DELIVERY_LIMIT)) == Done()
    (event,) = worker.errors.collect()
    assert event.error_type == "DeadLetter"
    assert "private" not in event.model_dump_json()


async def test_dead_letters_of_reports_are_not_reported(worker: Worker) -> None:
    message = replace(encode(queued()), topic="synthesis.error_logged")
    assert await worker.delivery().deliver(message) == Done()
    assert message.id in worker.dead_letters.kept
    assert worker.errors.collect() == []


async def test_outages_do_not_exhaust_retries(worker: Worker) -> None:
    worker.failure = ServiceUnavailableError()
    outcome = await worker.delivery().deliver(replace(encode(queued()), attempt=500))
    assert isinstance(outcome, Retry)
    assert outcome.after <= 36
    assert not worker.dead_letters.kept


async def test_hanging_handlers_are_cancelled(worker: Worker) -> None:
    worker.hang = True
    outcome = await worker.delivery(RetryPolicy(timeout=0.01)).deliver(encode(queued()))
    assert isinstance(outcome, Retry)


@pytest.mark.parametrize(
    "damage",
    [
        {"body": b"\xff not json"},
        {"body": b'{"job_id": 7}'},
        {"version": 99},
        {"topic": "synthesis.never_heard_of"},
    ],
)
async def test_undecodable_messages_become_dead_letters_at_once(worker: Worker, damage: dict[str, object]) -> None:
    message = replace(encode(queued()), **damage)  # type: ignore[arg-type]
    assert await worker.delivery().deliver(message) == Done()
    assert worker.dead_letters.kept[message.id].message == message
    assert not worker.got


async def test_messages_are_kept_while_dead_letters_cannot_be_written(worker: Worker) -> None:
    worker.dead_letters.down = True
    outcome = await worker.delivery().deliver(replace(encode(queued()), body=b"?"))
    assert isinstance(outcome, Retry)


async def test_other_event_versions_are_ignored(worker: Worker) -> None:
    assert await worker.delivery().deliver(encode(JobQueuedAgain())) == Done()
    assert not worker.got
    assert not worker.dead_letters.kept


async def test_an_unavailable_inbox_delays_the_event(worker: Worker) -> None:
    worker.inbox.down = True
    assert isinstance(await worker.delivery().deliver(encode(queued())), Retry)
    worker.inbox.down = False
    assert await worker.delivery().deliver(encode(queued())) == Done()


async def test_failures_of_transient_handlers_are_reported(worker: Worker) -> None:
    deliver, traceparent = worker.delivery().deliver_transient, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    worker.failure = ServiceUnavailableError()
    await deliver(encode(progressed()))
    assert worker.errors.collect() == []
    worker.failure = ValueError("a private text")
    await deliver(encode(progressed(), {"traceparent": traceparent}))
    (event,) = worker.errors.collect()
    assert (event.error_type, event.source, event.subject) == ("ValueError", "event", JobProgressed.topic)
    assert event.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert "private" not in event.model_dump_json()


async def test_handlers_report_to_their_own_service(worker: Worker) -> None:
    seen: list[ErrorReports | None] = []
    subscriptions = Subscriptions[Worker]()

    @subscriptions.on(JobQueued)
    async def note(_: JobQueued, __: Worker) -> None:
        seen.append(current_reports.get())

    delivery = subscriptions.bind("synthesis", worker, worker.inbox, worker.dead_letters, types=TYPES, errors=worker.errors)
    with reporting_to(ErrorReports("voice")):  # in one process, those of the publisher
        await delivery.deliver(encode(queued()))
    assert seen == [worker.errors]


async def test_failed_transient_events_are_dropped(worker: Worker) -> None:
    worker.failure = ValueError("no")
    deliver = worker.delivery().deliver_transient
    outcomes: list[Outcome] = [await deliver(encode(progressed())), await deliver(replace(encode(progressed()), body=b"?"))]
    assert outcomes == [Done(), Done()]
    assert not worker.dead_letters.kept


async def test_replayed_dead_letters_are_handled_and_removed(worker: Worker) -> None:
    worker.failure = ValueError("no")
    delivery, message = worker.delivery(), replace(encode(queued()), attempt=3)
    await delivery.deliver(message)

    with pytest.raises(ReplayFailedError):
        await delivery.replay(message.id)
    assert message.id in worker.dead_letters.kept

    worker.failure = None
    await delivery.replay(message.id)
    assert not worker.dead_letters.kept
    assert len(worker.got) == 3
    with pytest.raises(DeadLetterNotFoundError):
        await delivery.replay(message.id)


async def test_deliveries_are_measured_by_outcome(worker: Worker) -> None:
    delivery = worker.delivery()
    await delivery.deliver(encode(queued()))
    await delivery.deliver_transient(encode(progressed()))
    worker.failure = ValueError("no")
    await delivery.deliver(encode(queued()))
    await delivery.deliver(replace(encode(queued()), attempt=3))
    await delivery.deliver_transient(encode(progressed()))
    topic = JobQueued.topic
    assert [worker.handled(topic, outcome) for outcome in ("done", "retried", "dead_lettered")] == [1, 1, 1]
    assert [worker.handled(JobProgressed.topic, outcome) for outcome in ("done", "dropped")] == [1, 1]


async def test_unknown_topics_share_one_label(worker: Worker) -> None:
    delivery = worker.delivery()
    for number in range(3):
        await delivery.deliver(replace(encode(queued()), topic=f"attack.number_{number}"))
    assert worker.handled("unknown", "dead_lettered") == 3


async def test_the_causing_event_is_visible_only_to_its_handler(worker: Worker) -> None:
    event = queued()
    await worker.delivery().deliver(encode(event))
    assert worker.causes == [event.event_id]
    assert current_cause.get() is None
    assert CAUSATION not in origin_headers()


async def test_events_continue_the_trace_they_were_recorded_in(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr("echo_common.bus.delivery.tracer", provider.get_tracer("test"))
    origin = SpanContext(trace_id=0xA1, span_id=0xB2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(origin)))
    headers = origin_headers()
    context.detach(token)

    await worker.delivery().deliver(encode(queued(), headers))
    await worker.delivery().deliver(encode(queued()))
    continued, fresh = worker.spans
    assert continued.trace_id == 0xA1
    assert fresh.trace_id != 0xA1


async def test_durable_topics_have_separate_consumers_and_live_topics_share_one(worker: Worker) -> None:
    durable, live = worker.delivery().consumers()
    assert (durable.service, list(durable.topics), durable.transient) == ("synthesis", [JobQueued.topic], False)
    assert (live.service, list(live.topics), live.transient) == ("synthesis", [JobProgressed.topic], True)


def test_an_event_has_one_handler() -> None:
    subscriptions = Subscriptions[None]()

    async def handle(event: JobQueued, deps: None) -> None: ...

    subscriptions.on(JobQueued)(handle)
    subscriptions.on(JobQueued, every_replica=True)(handle)
    with pytest.raises(TypeError):
        subscriptions.on(JobQueued)(handle)


def test_messages_without_headers_are_delivered() -> None:
    event = queued()
    assert encode(event) == Message(event.event_id, event.topic, 1, event.model_dump_json().encode())
