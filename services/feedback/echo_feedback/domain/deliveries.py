"""Deliveries of events to webhooks."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from echo_common.backoff import vary_delay
from echo_common.clock import now
from echo_common.contracts.errors.webhooks import DeliveryStateConflictError
from echo_common.contracts.http.webhooks import DeliveryError
from echo_common.contracts.values import JobStatus
from echo_common.errors import ConflictError
from echo_common.ids import new_id
from echo_common.work.task import Progress, Task

KEPT_ATTEMPTS: Final = 20
_KEPT_AFTER_ATTEMPT: Final = timedelta(days=3)
_ID_CHARACTERS: Final = 26


class AttemptResult(BaseModel):
    """The result of an attempt at a delivery. `duration` is in seconds."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    duration: float
    status: int | None = None
    error: DeliveryError | None = None
    response: str | None = None


class Delivery(Task):
    """A delivery of an event to a webhook, with the body of the request.

    Its id is derived from the webhook's and the event's: an event that arrives twice is delivered once. `message_id` is
    derived from the event's alone. `failures` counts the failed attempts since it was queued by the event or a replay.
    """

    status_field: ClassVar[str] = "status"
    noun: ClassVar[str] = "delivery"
    conflict: ClassVar[type[ConflictError]] = DeliveryStateConflictError

    webhook_id: str
    message_id: str
    event_type: str
    body: str
    status: JobStatus = JobStatus.PENDING
    next_attempt_at: datetime
    attempts: tuple[AttemptResult, ...] = ()
    failures: int = 0
    is_test: bool = False
    expires_at: datetime

    @classmethod
    def of_event(
        cls, event_id: str, event_type: str, body: bytes, *, webhook_id: str, user_id: str, at: datetime, expires_at: datetime
    ) -> "Delivery":
        """Create the delivery of an event."""
        return cls(
            id=f"whd_{_digest(f'{webhook_id}/{event_id}')}",
            user_id=user_id,
            webhook_id=webhook_id,
            message_id=f"msg_{_digest(event_id)}",
            event_type=event_type,
            body=body.decode(),
            next_attempt_at=at,
            expires_at=expires_at,
        )

    @classmethod
    def of_test(
        cls, event_type: str, body: bytes, *, webhook_id: str, user_id: str, at: datetime, expires_at: datetime
    ) -> "Delivery":
        """Create a test, which is attempted once and also sent to a disabled webhook."""
        event_id = new_id("evt")
        delivery = cls.of_event(
            event_id, event_type, body, webhook_id=webhook_id, user_id=user_id, at=at, expires_at=expires_at
        )
        delivery.is_test = True
        return delivery

    @property
    def earliest_start(self) -> datetime:
        """The time of the next attempt."""
        return self.next_attempt_at

    def claim(self, worker: str, lease_seconds: float) -> int:
        """Lease the delivery as a task, but not before its next attempt: candidates of the work queue may be stale."""
        if self.next_attempt_at > now():
            raise DeliveryStateConflictError("The next attempt is not due.")
        return super().claim(worker, lease_seconds)

    def finish(self, attempt: int, result: AttemptResult, at: datetime, pauses: Sequence[float]) -> None:
        """Add the result of an attempt: complete the delivery, plan the next attempt, or fail it after the last one.

        Args:
            attempt: The fencing token.
            result: The result.
            at: The present time.
            pauses: Pauses before the retries, in seconds; none if no further attempt can succeed.

        Raises:
            LeaseLostError: This attempt no longer holds the lease.
        """
        self.require_lease(attempt)
        self.attempts = (*self.attempts, result)[-KEPT_ATTEMPTS:]
        self.losses = 0  # a request with a result is progress
        if result.error is None:
            self.end(JobStatus.COMPLETED)
            return
        self.failures += 1
        if self.is_test or self.failures > len(pauses):
            self.mark_failed("DELIVERY_FAILED", f"The last attempt failed ({result.error.value}); replay the delivery.")
            return
        self._plan(at + timedelta(seconds=vary_delay(pauses[self.failures - 1])))
        self.requeue()

    def replay(self, at: datetime) -> None:
        """Deliver the event again, now. Raises `DeliveryStateConflictError` during an attempt."""
        self.require_status(JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
        self.failures = 0
        self._plan(at)
        self.restart()

    def _plan(self, at: datetime) -> None:
        """Plan the next attempt, and keep the delivery until its result can be read."""
        self.next_attempt_at, self.expires_at = at, max(self.expires_at, at + _KEPT_AFTER_ATTEMPT)

    def on_queued(self) -> None:
        """Do nothing."""

    def on_claimed(self) -> None:
        """Do nothing."""

    def on_progress(self, progress: Progress) -> bool:
        """Return False: an attempt is one request."""
        return False

    def on_failed(self, code: str, message: str) -> None:
        """Do nothing."""

    def on_cancelled(self) -> None:
        """Do nothing."""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_ID_CHARACTERS].upper()
