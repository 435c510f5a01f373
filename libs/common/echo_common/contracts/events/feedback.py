"""Events published by feedback."""

from typing import ClassVar

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent


class RatingSubmitted(DomainEvent):
    """A user rated an audio, or replaced the rating; its comment stays in the feedback service.

    The event with the highest `revision` is the rating's current one. It counts for the voice if `counts_for_voice`.
    """

    topic: ClassVar[str] = "feedback.rating_submitted"

    rating_id: str
    user_id: str
    audio_id: str
    voice_id: str
    engine: str
    rating: int
    categories: tuple[str, ...] = ()
    reason: str | None = None
    counts_for_voice: bool = True
    revision: int


class RatingDeleted(DomainEvent):
    """A user deleted a rating; it counts no more."""

    topic: ClassVar[str] = "feedback.rating_deleted"

    rating_id: str
    user_id: str
    audio_id: str
    voice_id: str
    engine: str
    revision: int


class VoiceRatingChanged(DomainEvent):
    """The mean of a voice's ratings changed; the event with the highest `revision` is current. `mean` is 0 without ratings."""

    topic: ClassVar[str] = "feedback.voice_rating_changed"

    voice_id: str
    mean: float
    count: int
    revision: int


class WebhookCreated(DomainEvent):
    """A user created a webhook."""

    topic: ClassVar[str] = "feedback.webhook_created"

    webhook_id: str
    user_id: str


class WebhookUrlChanged(DomainEvent):
    """A user changed the URL of a webhook, which is not part of the event: it may hold secrets of the receiver."""

    topic: ClassVar[str] = "feedback.webhook_url_changed"

    webhook_id: str
    user_id: str


class WebhookSecretReplaced(DomainEvent):
    """A user replaced the secret of a webhook."""

    topic: ClassVar[str] = "feedback.webhook_secret_replaced"

    webhook_id: str
    user_id: str


class WebhookEnabled(DomainEvent):
    """A user enabled a webhook again."""

    topic: ClassVar[str] = "feedback.webhook_enabled"

    webhook_id: str
    user_id: str


class WebhookDisabled(DomainEvent):
    """A webhook was disabled: by its user (`user`), by its receiver (`gone`), or after days of failures (`failing`)."""

    topic: ClassVar[str] = "feedback.webhook_disabled"

    webhook_id: str
    user_id: str
    reason: str


class WebhookDeleted(DomainEvent):
    """A user deleted a webhook."""

    topic: ClassVar[str] = "feedback.webhook_deleted"

    webhook_id: str
    user_id: str


class FeedbackUserDataErased(DomainEvent):
    """The feedback service has erased everything of a deleted user."""

    topic: ClassVar[str] = "feedback.user_data_erased"

    user_id: str


class FeedbackErrorLogged(ErrorLogged):
    """The feedback service logged errors."""

    topic: ClassVar[str] = "feedback.error_logged"
