"""Webhooks and deliveries: states, retries and bodies, without I/O."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.webhooks import DeliveryStateConflictError
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.feedback import WebhookDisabled, WebhookEnabled, WebhookUrlChanged
from echo_common.contracts.events.synthesis import JobCompleted, JobFailed
from echo_common.contracts.events.voice import VoiceModelFailed
from echo_common.contracts.http.webhooks import DeliveryError, DisabledReason, WebhookEvent
from echo_common.contracts.registry import event_types
from echo_common.contracts.values import JobStatus
from echo_common.work.lease import LeaseLostError
from echo_feedback.domain.deliveries import KEPT_ATTEMPTS, AttemptResult, Delivery
from echo_feedback.domain.webhook_events import PUBLIC_EVENTS, payload_of
from echo_feedback.domain.webhooks import SECRET_OVERLAP, Webhook

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PAUSES = (5.0, 300.0)


def webhook(**fields: Any) -> Webhook:
    values: dict[str, Any] = {"url": "https://a.example", "events": (WebhookEvent.JOB_FAILED,), "secret": b"one"}
    return Webhook(id="whk_1", user_id="usr_1", created_at=NOON, **values | fields)


def delivery(**fields: Any) -> Delivery:
    found = Delivery.of_event(
        "evt_1", "job.failed", b"{}", webhook_id="whk_1", user_id="usr_1", at=NOON, expires_at=NOON + timedelta(days=14)
    )
    return found.model_copy(update=fields)


def failed(error: DeliveryError | None = DeliveryError.TIMED_OUT) -> AttemptResult:
    return AttemptResult(at=NOON, duration=1.0, error=error)


def test_a_delivery_is_tried_again_after_each_pause_and_then_fails() -> None:
    found = delivery()
    for pause in PAUSES:
        found.finish(found.claim("wrk_1", 15), failed(), NOON, PAUSES)
        assert found.status is JobStatus.PENDING
        assert pause <= (found.next_attempt_at - NOON).total_seconds() <= 1.1 * pause
        assert found.error_code is None
    found.finish(found.claim("wrk_1", 15), failed(), NOON, PAUSES)
    assert (found.status, found.error_code) == (JobStatus.FAILED, "DELIVERY_FAILED")
    assert "timed_out" in str(found.error_message)
    assert len(found.attempts) == 3


def test_a_success_completes_a_delivery_and_a_replay_starts_its_retries_anew() -> None:
    found = delivery()
    found.finish(found.claim("wrk_1", 15), failed(), NOON, PAUSES)
    found.finish(found.claim("wrk_1", 15), failed(None), NOON, PAUSES)
    assert found.status is JobStatus.COMPLETED
    found.replay(NOON + timedelta(hours=1))
    assert (found.status, found.failures, found.next_attempt_at) == (JobStatus.PENDING, 0, NOON + timedelta(hours=1))
    assert len(found.attempts) == 2


def test_a_delivery_is_not_claimed_before_its_next_attempt() -> None:
    found = delivery()
    found.finish(found.claim("wrk_1", 15), failed(), now(), PAUSES)
    with pytest.raises(DeliveryStateConflictError):
        found.claim("wrk_1", 15)
    assert found.status is JobStatus.PENDING


def test_an_attempt_without_its_lease_changes_nothing() -> None:
    found = delivery()
    attempt = found.claim("wrk_1", 15)
    found.expire_lease()
    with pytest.raises(LeaseLostError):
        found.finish(attempt, failed(None), NOON, PAUSES)
    assert found.status is JobStatus.PENDING


def test_a_delivery_that_is_being_sent_cannot_be_replayed() -> None:
    found = delivery()
    found.claim("wrk_1", 15)
    with pytest.raises(DeliveryStateConflictError):
        found.replay(NOON)


def test_the_log_of_attempts_is_bounded() -> None:
    found = delivery()
    for _ in range(KEPT_ATTEMPTS + 5):
        found.replay(NOON)
        found.finish(found.claim("wrk_1", 15), failed(), NOON, ())
    assert len(found.attempts) == KEPT_ATTEMPTS


def test_ids_are_derived_from_the_event() -> None:
    other = Delivery.of_event(
        "evt_1", "job.failed", b"{}", webhook_id="whk_2", user_id="usr_1", at=NOON, expires_at=NOON + timedelta(days=14)
    )
    assert delivery().id == delivery().id != other.id
    assert delivery().message_id == other.message_id


def test_days_of_failures_alone_disable_a_webhook_once() -> None:
    found = webhook()
    found.note_failure(NOON, 5, final=True)
    found.note_failure(NOON + timedelta(days=4.9), 5, final=True)
    assert found.enabled
    found.note_success()
    found.note_failure(NOON + timedelta(days=5), 5, final=True)
    assert found.enabled
    for days in (10, 11):
        found.note_failure(NOON + timedelta(days=days), 5, final=True)
    assert (found.enabled, found.disabled_reason, found.disabled_at) == (
        False,
        DisabledReason.FAILING,
        NOON + timedelta(days=10),
    )
    assert [type(event) for event in found.pending] == [WebhookDisabled]
    found.enable()
    found.enable()
    assert [type(event) for event in found.pending] == [WebhookDisabled, WebhookEnabled]
    assert (found.enabled, found.disabled_reason, found.disabled_at, found.failing_since) == (True, None, None, None)


def test_another_url_begins_without_failures_and_the_same_url_changes_nothing() -> None:
    found = webhook()
    found.note_failure(NOON, 5, final=False)
    found.change_url(found.url)
    assert (found.failing_since, found.pending) == (NOON, ())
    found.change_url("https://b.example")
    assert (found.url, found.failing_since) == ("https://b.example", None)
    assert [type(event) for event in found.pending] == [WebhookUrlChanged]


def test_a_limit_of_zero_days_disables_none() -> None:
    found = webhook()
    found.note_failure(NOON, 0, final=True)
    found.note_failure(NOON + timedelta(days=1000), 0, final=True)
    assert found.enabled


def test_events_of_other_types_and_before_the_creation_are_not_received() -> None:
    found = webhook()
    assert found.receives(WebhookEvent.JOB_FAILED, NOON)
    assert not found.receives(WebhookEvent.JOB_COMPLETED, NOON)
    assert not found.receives(WebhookEvent.JOB_FAILED, NOON - timedelta(minutes=2))
    found.disable(DisabledReason.USER, NOON)
    assert not found.receives(WebhookEvent.JOB_FAILED, NOON)


def test_the_former_secret_signs_for_a_day() -> None:
    found = webhook()
    assert found.rotate_secret(b"two", NOON) == NOON + SECRET_OVERLAP
    assert found.signing_secrets(NOON + SECRET_OVERLAP - timedelta(seconds=1)) == [b"two", b"one"]
    assert found.signing_secrets(NOON + SECRET_OVERLAP) == [b"two"]


def test_a_body_has_the_names_of_the_public_contract() -> None:
    event = JobCompleted(job_id="job_1", user_id="usr_1", audio_id="aud_1", duration=2.5, occurred_at=NOON)
    assert json.loads(payload_of(event)) == {
        "type": "job.completed",
        "timestamp": "2026-01-31T12:00:00Z",
        "data": {"job_id": "job_1", "audio_id": "aud_1", "duration": 2.5},
    }
    failure = JobFailed(job_id="job_1", user_id="usr_1", code="TIMEOUT", message="Too long.")
    assert json.loads(payload_of(failure))["data"] == {"job_id": "job_1", "error": {"code": "TIMEOUT", "message": "Too long."}}
    training = VoiceModelFailed(voice_model_id="vm_1", user_id="usr_1", job_id="job_1", code="X", message="y")
    assert json.loads(payload_of(training))["data"]["voice_id"] == "vm_1"


@pytest.mark.parametrize("event_type", PUBLIC_EVENTS, ids=lambda found: found.topic)
def test_every_body_is_complete_and_names_no_other_user(event_type: type[DomainEvent]) -> None:
    public = PUBLIC_EVENTS[event_type]
    assert event_type in event_types().values()
    assert "user_id" in event_type.model_fields
    assert not {"user_id", "shared_with"} & set(public.fields.values())
    names = {field for field in public.fields.values() if field != "error"} | ({"code"} if "error" in public.fields else set())
    assert names <= set(event_type.model_fields)


def test_every_event_of_the_contract_is_sent() -> None:
    assert {public.type for public in PUBLIC_EVENTS.values()} == set(WebhookEvent)


def test_lost_workers_between_failed_attempts_do_not_fail_a_delivery() -> None:
    found, pauses = delivery(), (5.0,) * 5
    for _ in range(3):
        found.claim("wrk_1", 15)
        found.expire_lease()
        found.finish(found.claim("wrk_1", 15), failed(), NOON, pauses)
    assert (found.status, found.losses, found.failures) == (JobStatus.PENDING, 0, 3)


def test_each_former_secret_signs_until_its_own_expiry() -> None:
    """The response to the first of two rotations may have been lost."""
    found, hour = webhook(), timedelta(hours=1)
    found.rotate_secret(b"two", NOON)
    found.rotate_secret(b"three", NOON + hour)
    assert found.signing_secrets(NOON + hour) == [b"three", b"two", b"one"]
    assert found.signing_secrets(NOON + SECRET_OVERLAP) == [b"three", b"two"]
    assert found.find_overlap_end(NOON + hour) == NOON + hour + SECRET_OVERLAP
    assert found.find_overlap_end(NOON + hour + SECRET_OVERLAP) is None


def test_expired_secrets_are_removed_by_the_next_delivery() -> None:
    found = webhook()
    found.rotate_secret(b"two", NOON)
    assert not found.is_changed_by_result(succeeded=True, final=False, at=NOON, failing_days=5)
    after = NOON + SECRET_OVERLAP
    assert found.is_changed_by_result(succeeded=True, final=False, at=after, failing_days=5)
    found.drop_expired_secrets(after)
    assert found.former_secrets == ()


def test_the_number_of_former_secrets_is_bounded() -> None:
    found = webhook()
    for number in range(100):
        found.rotate_secret(str(number).encode(), NOON)
    assert len(found.signing_secrets(NOON)) == 6


def test_one_failed_attempt_after_days_without_events_disables_nothing() -> None:
    found = webhook()
    found.note_failure(NOON, 5, final=True)
    later = NOON + timedelta(days=6)
    assert not found.is_changed_by_result(succeeded=False, final=False, at=later, failing_days=5)
    found.note_failure(later, 5, final=False)
    assert found.enabled
    found.note_failure(later, 5, final=True)
    assert not found.enabled


def test_a_delivery_is_kept_until_its_retries_and_replays_have_ended() -> None:
    found, pauses = delivery(), (7 * 24 * 3600.0,) * 3
    for _ in pauses:
        found.next_attempt_at = NOON
        found.finish(found.claim("wrk_1", 15), failed(), NOON, pauses)
        assert found.expires_at > found.next_attempt_at
    found.replay(NOON + timedelta(days=60))
    assert found.expires_at > NOON + timedelta(days=60)
