"""Response bodies of the usage history."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class ActionType(StrEnum):
    """Type of an entry of the usage history."""

    AUDIO_DELETED = "audio_deleted"
    AUDIO_REVISED = "audio_revised"
    CONSENT_REVOKED = "consent_revoked"
    ECHO_CHANGED = "echo_changed"
    ECHO_CREATED = "echo_created"
    ECHO_DELETED = "echo_deleted"
    EXPORT_REQUESTED = "export_requested"
    GROUP_SESSION_ENDED = "group_session_ended"
    GROUP_SESSION_STARTED = "group_session_started"
    GUEST_UPGRADED = "guest_upgraded"
    JOB_CANCELLED = "job_cancelled"
    JOB_COMPLETED = "job_completed"
    JOB_FAILED = "job_failed"
    JOB_QUEUED = "job_queued"
    MESSAGE_SENT = "message_sent"
    PLAYLIST_CHANGED = "playlist_changed"
    PLAYLIST_DELETED = "playlist_deleted"
    RATING_DELETED = "rating_deleted"
    RATING_SUBMITTED = "rating_submitted"
    SAMPLE_CANCELLED = "sample_cancelled"
    SAMPLE_PROCESSED = "sample_processed"
    SAMPLE_REJECTED = "sample_rejected"
    SAMPLE_UPLOADED = "sample_uploaded"
    SESSION_ENDED = "session_ended"
    SESSION_STARTED = "session_started"
    SPEECH_SYNTHESIZED = "speech_synthesized"
    SPOTIFY_LINKED = "spotify_linked"
    SPOTIFY_UNLINKED = "spotify_unlinked"
    USER_REGISTERED = "user_registered"
    USER_UPDATED = "user_updated"
    VOICE_MODEL_CANCELLED = "voice_model_cancelled"
    VOICE_MODEL_DELETED = "voice_model_deleted"
    VOICE_MODEL_FAILED = "voice_model_failed"
    VOICE_MODEL_READY = "voice_model_ready"
    VOICE_MODEL_RENAMED = "voice_model_renamed"
    VOICE_MODEL_REQUESTED = "voice_model_requested"
    VOICE_MODEL_SHARED = "voice_model_shared"
    VOICE_MODEL_UNSHARED = "voice_model_unshared"
    VOICE_MODEL_WITHDRAWN = "voice_model_withdrawn"
    VOICE_SELECTED = "voice_selected"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_DELETED = "webhook_deleted"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_ENABLED = "webhook_enabled"
    WEBHOOK_SECRET_REPLACED = "webhook_secret_replaced"  # noqa: S105 - not a secret
    WEBHOOK_URL_CHANGED = "webhook_url_changed"


class HistoryEntry(BaseModel):
    """An action of a user, or a result of one."""

    id: str
    action_type: ActionType
    related_id: str | None = Field(description="Id of the job, the audio, the voice or the like.")
    timestamp: datetime
