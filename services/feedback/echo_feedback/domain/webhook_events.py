"""Events of the platform as webhooks receive them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events import feedback, synthesis, voice
from echo_common.contracts.http.webhooks import TEST_EVENT, WebhookEvent

_ERROR: Final = "error"
"""Field with the code and the message of an error."""


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """The public form of an event: its type, and its fields by their name in the API."""

    type: WebhookEvent
    fields: Mapping[str, str]


def _public(event: WebhookEvent, *names: str, **renamed: str) -> PublicEvent:
    return PublicEvent(event, {**{name: name for name in names}, **renamed})


_VOICE: Final = {"voice_id": "voice_model_id"}

PUBLIC_EVENTS: Mapping[type[DomainEvent], PublicEvent] = MappingProxyType(
    {
        synthesis.JobCompleted: _public(WebhookEvent.JOB_COMPLETED, "job_id", "audio_id", "duration"),
        synthesis.JobFailed: _public(WebhookEvent.JOB_FAILED, "job_id", _ERROR),
        synthesis.JobCancelled: _public(WebhookEvent.JOB_CANCELLED, "job_id"),
        voice.SampleProcessed: _public(WebhookEvent.SAMPLE_READY, "sample_id", "job_id", "duration"),
        voice.SampleRejected: _public(WebhookEvent.SAMPLE_REJECTED, "sample_id", "job_id", "reason"),
        voice.VoiceModelReady: _public(WebhookEvent.VOICE_READY, "job_id", "name", "language", **_VOICE),
        voice.VoiceModelFailed: _public(WebhookEvent.VOICE_FAILED, "job_id", _ERROR, **_VOICE),
        voice.VoiceModelCancelled: _public(WebhookEvent.VOICE_CANCELLED, "job_id", **_VOICE),
        voice.VoiceModelWithdrawn: _public(WebhookEvent.VOICE_WITHDRAWN, "name", **_VOICE),
        voice.VoiceModelDeleted: _public(WebhookEvent.VOICE_DELETED, "name", **_VOICE),
        feedback.RatingSubmitted: _public(
            WebhookEvent.RATING_SUBMITTED, "rating_id", "audio_id", "voice_id", "engine", "rating", "categories", "reason"
        ),
        feedback.RatingDeleted: _public(WebhookEvent.RATING_DELETED, "rating_id", "audio_id", "voice_id", "engine"),
    }
)
"""Public forms by event. The content is that of the event: ids and small values, no text of users but names of voices."""


def payload_of(event: DomainEvent) -> bytes:
    """Return the body of a delivery: the same bytes whenever the event is delivered."""
    public = PUBLIC_EVENTS[type(event)]
    values = event.model_dump(mode="json")
    if _ERROR in public.fields:
        values[_ERROR] = {"code": values["code"], "message": values["message"]}
    data = {name: values[field] for name, field in public.fields.items()}
    return _payload(public.type.value, values["occurred_at"], data)


def payload_of_test(webhook_id: str, timestamp: str) -> bytes:
    """Return the body of a test."""
    return _payload(TEST_EVENT, timestamp, {"webhook_id": webhook_id})


def _payload(event_type: str, timestamp: str, data: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"type": event_type, "timestamp": timestamp, "data": data})
