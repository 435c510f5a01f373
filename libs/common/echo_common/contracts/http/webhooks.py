"""Request and response bodies of webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from echo_common.contracts.http.base import RequestBody
from echo_common.contracts.values import JobStatus

TEST_EVENT: Final = "webhook.test"
"""Type of the event that a user sends to test a webhook."""


class WebhookEvent(StrEnum):
    """Type of an event that webhooks receive."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    SAMPLE_READY = "sample.ready"
    SAMPLE_REJECTED = "sample.rejected"
    VOICE_READY = "voice.ready"
    VOICE_FAILED = "voice.failed"
    VOICE_CANCELLED = "voice.cancelled"
    VOICE_WITHDRAWN = "voice.withdrawn"
    VOICE_DELETED = "voice.deleted"
    RATING_SUBMITTED = "rating.submitted"
    RATING_DELETED = "rating.deleted"


class DisabledReason(StrEnum):
    """Reason for which a webhook is disabled."""

    USER = "user"
    GONE = "gone"
    FAILING = "failing"


class DeliveryError(StrEnum):
    """Error of an attempt at a delivery.

    `name_not_resolved` also stands for a name with an address that is not permitted, so that users do not learn which names the
    network of the platform knows; `address_refused` is for addresses in the URL itself.
    """

    ADDRESS_REFUSED = "address_refused"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    TIMED_OUT = "timed_out"
    INVALID_RESPONSE = "invalid_response"
    REDIRECTED = "redirected"
    REFUSED = "refused"


def _distinct(events: list[WebhookEvent]) -> list[WebhookEvent]:
    if len(set(events)) != len(events):
        raise ValueError("must name each event once")
    return events


Url = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WebhookEvent)), AfterValidator(_distinct)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class CreateWebhookRequest(RequestBody):
    """A new webhook."""

    url: Url = Field(
        description="URL that receives the events: https, of public addresses alone.",
        examples=["https://example.com/hooks/echo"],
    )
    events: Events = Field(description="Types of events to send.", examples=[["job.completed", "job.failed"]])
    description: Description | None = Field(None, description="Note by which its owner recognises the webhook.")


class ChangeWebhookRequest(RequestBody):
    """Changes to a webhook; absent fields stay."""

    url: Url | None = Field(None, description="URL that receives the events.", examples=["https://example.com/hooks/echo"])
    events: Events | None = Field(None, description="Types of events to send.", examples=[["job.completed"]])
    description: Description | None = Field(None, description="Note; null removes it.")
    enabled: bool | None = Field(
        None, description="False stops deliveries; true starts them again, also after automatic disabling."
    )


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[WebhookEvent]
    description: str | None
    enabled: bool
    disabled_reason: DisabledReason | None = Field(
        description="Reason for which it is disabled: `user`; `gone`, after a response with status 410; `failing`, after days in "
        "which all deliveries failed; null while it is enabled."
    )
    disabled_at: datetime | None
    failing_since: datetime | None = Field(description="Time of the first failure since the last success; null without one.")
    previous_secret_expires_at: datetime | None = Field(
        description="Time until which deliveries are also signed with the secret before the current one; null without one."
    )
    created_at: datetime
    updated_at: datetime


class WebhookSecret(BaseModel):
    """A new secret of a webhook."""

    secret: str = Field(description="The secret, with which deliveries are signed. It is shown in this response alone.")
    previous_secret_expires_at: datetime = Field(description="Time until which deliveries are also signed with the former one.")


class CreatedWebhook(WebhookView):
    """A new webhook with its secret."""

    secret: str = Field(description="The secret, with which deliveries are signed. It is shown in this response alone.")


class DeliveryAttempt(BaseModel):
    """An attempt at a delivery."""

    at: datetime = Field(description="Time at which the request was sent.")
    duration: float = Field(description="Seconds until the response or the error.")
    status: int | None = Field(description="Status of the response; null without one.")
    error: DeliveryError | None = Field(
        description="Error of the attempt; null after a status of 2xx. `name_not_resolved`: the host has no address, or one that "
        "is not permitted."
    )
    response: str | None = Field(
        description="Start of the body of the response, at most 500 bytes; null without one, or if it has a `Content-Encoding`."
    )


class DeliveryView(BaseModel):
    """A delivery of an event to a webhook."""

    id: str
    webhook_id: str
    message_id: str = Field(
        description="Value of the header `webhook-id`; the same in all attempts, by which receivers deduplicate."
    )
    type: str = Field(description="Type of the event, or `webhook.test`.")
    status: JobStatus = Field(
        description="`pending` until the next attempt, `completed` after a success, `failed` after the last one."
    )
    error_code: str | None = Field(description="Reason for which the delivery failed; null otherwise.")
    error_message: str | None
    next_attempt_at: datetime | None = Field(description="Time of the next attempt; null unless pending.")
    attempts: list[DeliveryAttempt] = Field(description="The last 20 attempts, oldest first.")
    payload: dict[str, Any] = Field(description="The body of the request: `type`, `timestamp` and `data`.")
    created_at: datetime
    updated_at: datetime
