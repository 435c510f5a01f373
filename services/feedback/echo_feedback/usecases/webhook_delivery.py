"""Delivery of events to webhooks: queued by their events, sent by the worker at least once."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from echo_common.clock import now
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.http.base import remove_unprintable
from echo_common.contracts.http.webhooks import TEST_EVENT, DisabledReason
from echo_common.contracts.system_settings import RETENTION_DELIVERIES_DAYS, WEBHOOKS_DISABLED_AFTER_DAYS
from echo_common.errors import NotFoundError
from echo_common.metrics import DeliveryOutcome
from echo_common.work.port import Attempt, Result
from echo_common.work.queue import WorkQueue
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.deliveries import AttemptResult, Delivery
from echo_feedback.domain.webhook_events import PUBLIC_EVENTS, payload_of, payload_of_test
from echo_feedback.domain.webhook_signatures import signed_headers
from echo_feedback.domain.webhooks import Webhook

_GONE: Final = 410
_DELIVERED: Final[DeliveryOutcome] = "delivered"
_FAILED: Final[DeliveryOutcome] = "failed"
_SLOTS: Final = 64
_RESERVED_SLOTS: Final = 32
"""Slots that only users without a running delivery get, one each."""

_SLOTS_PER_WEBHOOK: Final = 4
"""Slots that deliveries to one webhook get at most; the others are for webhooks without a running delivery."""

_log = structlog.get_logger("echo.webhooks")


def delivering(deps: Dependencies) -> AbstractAsyncContextManager[None]:
    """Send deliveries while the context lasts."""
    queue = WorkQueue(
        "webhooks",
        deps.deliveries,
        partial(deliver, deps),
        slots=_SLOTS,
        reserved_slots=_RESERVED_SLOTS,
        lane_slots=_SLOTS_PER_WEBHOOK,
    )
    return deps.worker.running([queue])


async def queue_deliveries(event: DomainEvent, deps: Dependencies) -> None:
    """Queue the deliveries of an event to the webhooks of its user; idempotent."""
    public, at = PUBLIC_EVENTS[type(event)], now()
    expires_at = _expiry(event.occurred_at, deps)
    user_id = str(event.model_dump(include={"user_id"})["user_id"])
    if expires_at <= at:  # its delivery may have been made and deleted
        return
    receivers = [one for one in await deps.webhooks.enabled_of(user_id) if one.receives(public.type, event.occurred_at)]
    for webhook in receivers:
        delivery = Delivery.of_event(
            event.event_id,
            public.type.value,
            payload_of(event),
            webhook_id=webhook.id,
            user_id=user_id,
            at=at,
            expires_at=expires_at,
        )
        await deps.deliveries.add_once(delivery)
    if receivers:
        deps.worker.wake()


async def queue_test(webhook: Webhook, deps: Dependencies) -> Delivery:
    """Queue a test of a webhook and return it."""
    at = now()
    timestamp = at.isoformat().replace("+00:00", "Z")
    delivery = Delivery.of_test(
        TEST_EVENT,
        payload_of_test(webhook.id, timestamp),
        webhook_id=webhook.id,
        user_id=webhook.user_id,
        at=at,
        expires_at=_expiry(at, deps),
    )
    await deps.deliveries.add(delivery)
    deps.worker.wake()
    return delivery


async def deliver(deps: Dependencies, delivery: Delivery, attempt: Attempt) -> Result[Delivery]:
    """Send a delivery once. A process that dies before the result is saved sends it again, with the same `webhook-id`."""
    webhook = await deps.webhooks.find_one({"_id": delivery.webhook_id, "user_id": delivery.user_id})
    if webhook is None:  # deleted while the event was handled
        return Result(Delivery.erase)
    if not webhook.enabled and not delivery.is_test:
        return Result(
            lambda held: held.fail(attempt.number, "WEBHOOK_DISABLED", "The webhook was disabled; replay the delivery.")
        )
    at, body = now(), delivery.body.encode()
    keys = [deps.webhook_encryption.decrypt(secret).decode() for secret in webhook.signing_secrets(at)]
    headers = signed_headers(keys, delivery.message_id, int(at.timestamp()), body)
    exchange = await deps.outbound.post(webhook.url, body, headers, seconds=deps.settings.webhook_timeout_seconds)
    await deps.faults.reach("webhook.after_send")
    outcome = _DELIVERED if exchange.error is None else exchange.error.value
    deps.webhook_metrics.duration.labels(outcome).observe(exchange.seconds)
    response = None if exchange.excerpt is None else remove_unprintable(exchange.excerpt)
    result = AttemptResult(at=at, duration=exchange.seconds, status=exchange.status, error=exchange.error, response=response)
    if result.error is not None:
        _log.info("webhook_attempt_failed", webhook_id=webhook.id, delivery_id=delivery.id, error=result.error.value)
    pauses = () if result.status == _GONE else deps.settings.retry_pauses
    return _DeliveryResult(deps, webhook, delivery, result, attempt.number, pauses)


class _DeliveryResult(Result[Delivery]):
    """The result of a request. It first changes the state of the webhook, then that of the delivery."""

    def __init__(
        self,
        deps: Dependencies,
        webhook: Webhook,
        delivery: Delivery,
        result: AttemptResult,
        number: int,
        pauses: Sequence[float],
    ) -> None:
        super().__init__(lambda held: held.finish(number, result, now(), pauses))
        self._deps = deps
        self._webhook = webhook
        self._result = result
        self._is_test = delivery.is_test
        self._final = delivery.failures >= len(pauses)

    async def store(self) -> None:
        """Note the result in the webhook if it changes it; tests leave it unchanged."""
        succeeded, at = self._result.error is None, now()
        days = self._deps.live_settings.get(WEBHOOKS_DISABLED_AFTER_DAYS)
        gone = self._result.status == _GONE
        expected = self._webhook.is_changed_by_result(succeeded=succeeded, final=self._final, at=at, failing_days=days)
        if self._is_test or not (gone or expected):
            return

        def note(webhook: Webhook) -> None:
            webhook.drop_expired_secrets(at)
            if webhook.url != self._webhook.url:  # changed during the request
                return
            if gone:
                webhook.disable(DisabledReason.GONE, at)
            elif succeeded:
                webhook.note_success()
            else:
                webhook.note_failure(at, days, final=self._final)

        with suppress(NotFoundError):  # deleted meanwhile
            changed = await self._deps.webhooks.amend(self._webhook, note, user_id=self._webhook.user_id)
            if changed.disabled_at == at:
                reason = str(changed.disabled_reason)
                self._deps.webhook_metrics.disabled.labels(reason).inc()
                _log.warning("webhook_disabled", webhook_id=changed.id, reason=reason)

    async def finish(self) -> None:
        """Count the delivery if it has ended: after the commit, because an attempt that is not committed is repeated."""
        succeeded = self._result.error is None
        if succeeded or self._final or self._is_test:
            self._deps.webhook_metrics.deliveries.labels(_DELIVERED if succeeded else _FAILED).inc()


def _expiry(at: datetime, deps: Dependencies) -> datetime:
    return at + timedelta(days=deps.live_settings.get(RETENTION_DELIVERIES_DAYS))
