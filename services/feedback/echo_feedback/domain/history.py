"""The usage history: events of all services as actions of users."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events import auth, feedback, listening, synthesis, voice
from echo_common.contracts.http.history import ActionType


@dataclass(frozen=True, slots=True)
class Action:
    """An action that an event stands for.

    `related` is the event's field with the id that the action relates to. `once` records the first event of an id and a number of
    `restarts` only: workers publish it again when they return a task to the queue.
    """

    type: ActionType
    related: str | None
    once: bool = False


ACTIONS: Mapping[type[DomainEvent], Action] = MappingProxyType(
    {
        auth.ExportRequested: Action(ActionType.EXPORT_REQUESTED, "export_id"),
        auth.GuestUpgraded: Action(ActionType.GUEST_UPGRADED, None),
        auth.SessionRevoked: Action(ActionType.SESSION_ENDED, "session_id"),
        auth.SessionStarted: Action(ActionType.SESSION_STARTED, "session_id"),
        auth.UserRegistered: Action(ActionType.USER_REGISTERED, None),
        auth.UserUpdated: Action(ActionType.USER_UPDATED, None),
        feedback.RatingDeleted: Action(ActionType.RATING_DELETED, "rating_id"),
        feedback.RatingSubmitted: Action(ActionType.RATING_SUBMITTED, "rating_id"),
        feedback.WebhookCreated: Action(ActionType.WEBHOOK_CREATED, "webhook_id"),
        feedback.WebhookDeleted: Action(ActionType.WEBHOOK_DELETED, "webhook_id"),
        feedback.WebhookDisabled: Action(ActionType.WEBHOOK_DISABLED, "webhook_id"),
        feedback.WebhookEnabled: Action(ActionType.WEBHOOK_ENABLED, "webhook_id"),
        feedback.WebhookSecretReplaced: Action(ActionType.WEBHOOK_SECRET_REPLACED, "webhook_id"),
        feedback.WebhookUrlChanged: Action(ActionType.WEBHOOK_URL_CHANGED, "webhook_id"),
        listening.GroupSessionEnded: Action(ActionType.GROUP_SESSION_ENDED, "session_id"),
        listening.GroupSessionStarted: Action(ActionType.GROUP_SESSION_STARTED, "session_id"),
        listening.PlaylistDeleted: Action(ActionType.PLAYLIST_DELETED, "playlist_id"),
        listening.PlaylistUpdated: Action(ActionType.PLAYLIST_CHANGED, "playlist_id"),
        listening.SpotifyLinked: Action(ActionType.SPOTIFY_LINKED, None),
        listening.SpotifyUnlinked: Action(ActionType.SPOTIFY_UNLINKED, None),
        synthesis.AudioCreated: Action(ActionType.SPEECH_SYNTHESIZED, "audio_id", once=True),
        synthesis.AudioDeleted: Action(ActionType.AUDIO_DELETED, "audio_id"),
        synthesis.AudioRevised: Action(ActionType.AUDIO_REVISED, "audio_id"),
        synthesis.JobCancelled: Action(ActionType.JOB_CANCELLED, "job_id"),
        synthesis.JobCompleted: Action(ActionType.JOB_COMPLETED, "job_id"),
        synthesis.JobFailed: Action(ActionType.JOB_FAILED, "job_id"),
        synthesis.JobQueued: Action(ActionType.JOB_QUEUED, "job_id", once=True),
        voice.ConsentRevoked: Action(ActionType.CONSENT_REVOKED, "consent_id"),
        voice.EchoChanged: Action(ActionType.ECHO_CHANGED, "echo_id"),
        voice.EchoCreated: Action(ActionType.ECHO_CREATED, "echo_id"),
        voice.EchoDeleted: Action(ActionType.ECHO_DELETED, "echo_id"),
        voice.MessageSent: Action(ActionType.MESSAGE_SENT, "message_id"),
        voice.SampleCancelled: Action(ActionType.SAMPLE_CANCELLED, "sample_id"),
        voice.SampleProcessed: Action(ActionType.SAMPLE_PROCESSED, "sample_id"),
        voice.SampleRejected: Action(ActionType.SAMPLE_REJECTED, "sample_id"),
        voice.SampleUploaded: Action(ActionType.SAMPLE_UPLOADED, "sample_id", once=True),
        voice.VoiceModelCancelled: Action(ActionType.VOICE_MODEL_CANCELLED, "voice_model_id"),
        voice.VoiceModelDeleted: Action(ActionType.VOICE_MODEL_DELETED, "voice_model_id"),
        voice.VoiceModelFailed: Action(ActionType.VOICE_MODEL_FAILED, "voice_model_id"),
        voice.VoiceModelReady: Action(ActionType.VOICE_MODEL_READY, "voice_model_id"),
        voice.VoiceModelRenamed: Action(ActionType.VOICE_MODEL_RENAMED, "voice_model_id"),
        voice.VoiceModelRequested: Action(ActionType.VOICE_MODEL_REQUESTED, "voice_model_id", once=True),
        voice.VoiceModelShared: Action(ActionType.VOICE_MODEL_SHARED, "voice_model_id"),
        voice.VoiceModelUnshared: Action(ActionType.VOICE_MODEL_UNSHARED, "voice_model_id"),
        voice.VoiceModelWithdrawn: Action(ActionType.VOICE_MODEL_WITHDRAWN, "voice_model_id"),
        voice.VoiceSelected: Action(ActionType.VOICE_SELECTED, "voice_id"),
    }
)
"""Actions by event."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the usage history."""

    id: str
    user_id: str
    action_type: ActionType
    related_id: str | None
    timestamp: datetime

    @classmethod
    def of(cls, event: DomainEvent) -> "Entry":
        """Return the entry of an event, which has the same id whenever the event is delivered."""
        action = ACTIONS[type(event)]
        fields = event.model_dump(include={"user_id", action.related or "user_id"})
        related_id = None if action.related is None else str(fields[action.related])
        if action.once:
            entry_id = cls.id_of_first(action.type, str(related_id), getattr(event, "restarts", 0))
        else:
            entry_id = _hash(event.event_id)
        return cls(entry_id, str(fields["user_id"]), action.type, related_id, event.occurred_at)

    @staticmethod
    def id_of_first(action_type: ActionType, related_id: str, restarts: int = 0) -> str:
        """Return the id of the entry of an action that is recorded once."""
        return _hash(f"{action_type.value}/{related_id}" + (f"/{restarts}" if restarts else ""))


def _hash(key: str) -> str:
    return f"his_{hashlib.sha256(key.encode()).hexdigest()[:26].upper()}"
