"""The services whose databases and queues belong to a platform.

They are listed here, because the registry imports the services themselves, which the container of the backup lacks.
"""

from collections.abc import Mapping, Sequence

from echo_common.store.port import Document

SERVICES = ("auth", "feedback", "gateway", "listening", "synthesis", "voice")

LEFT_OUT = ("exports/",)
"""Prefixes of objects that are not backed up: archives of exports, which users can request again."""

VECTOR_OWNERS = ("samples", "voice_models")
"""Collections of voice; the key of a vector is the id of a document in one of them."""

CONSUMERS: Mapping[str, Sequence[str]] = {
    "auth": (
        "feedback.user_data_erased",
        "feedback.webhook_created",
        "feedback.webhook_deleted",
        "feedback.webhook_disabled",
        "feedback.webhook_enabled",
        "feedback.webhook_secret_replaced",
        "feedback.webhook_url_changed",
        "gateway.user_data_erased",
        "listening.user_data_erased",
        "synthesis.user_data_erased",
        "voice.user_data_erased",
    ),
    "feedback": (
        "auth.error_logged",
        "auth.export_requested",
        "auth.guest_upgraded",
        "auth.session_revoked",
        "auth.session_started",
        "auth.user_deleted",
        "auth.user_registered",
        "auth.user_updated",
        "feedback.error_logged",
        "feedback.rating_deleted",
        "feedback.rating_submitted",
        "feedback.webhook_created",
        "feedback.webhook_deleted",
        "feedback.webhook_disabled",
        "feedback.webhook_enabled",
        "feedback.webhook_secret_replaced",
        "feedback.webhook_url_changed",
        "gateway.error_logged",
        "gateway.request_served",
        "listening.error_logged",
        "listening.group_session_ended",
        "listening.group_session_started",
        "listening.playlist_deleted",
        "listening.playlist_updated",
        "listening.spotify_linked",
        "listening.spotify_unlinked",
        "synthesis.audio_created",
        "synthesis.audio_deleted",
        "synthesis.audio_revised",
        "synthesis.error_logged",
        "synthesis.job_cancelled",
        "synthesis.job_completed",
        "synthesis.job_failed",
        "synthesis.job_queued",
        "synthesis.speech_measured",
        "voice.consent_revoked",
        "voice.echo_changed",
        "voice.echo_created",
        "voice.echo_deleted",
        "voice.error_logged",
        "voice.message_sent",
        "voice.sample_cancelled",
        "voice.sample_processed",
        "voice.sample_rejected",
        "voice.sample_uploaded",
        "voice.voice_model_cancelled",
        "voice.voice_model_deleted",
        "voice.voice_model_failed",
        "voice.voice_model_ready",
        "voice.voice_model_renamed",
        "voice.voice_model_requested",
        "voice.voice_model_shared",
        "voice.voice_model_unshared",
        "voice.voice_model_withdrawn",
        "voice.voice_selected",
    ),
    "gateway": ("auth.user_deleted",),
    "listening": (
        "auth.user_deleted",
        "listening.group_session_ended",
        "listening.group_session_started",
        "listening.interaction_recorded",
        "listening.playlist_deleted",
        "listening.playlist_updated",
        "listening.spotify_linked",
        "listening.spotify_unlinked",
        "listening.track_analysed",
        "listening.track_deleted",
        "listening.track_uploaded",
        "synthesis.audio_created",
        "synthesis.audio_deleted",
        "synthesis.audio_revised",
        "voice.voice_model_deleted",
        "voice.voice_model_withdrawn",
    ),
    "synthesis": (
        "auth.user_deleted",
        "feedback.voice_rating_changed",
        "synthesis.audio_deleted",
        "synthesis.job_cancelled",
        "synthesis.job_completed",
        "synthesis.job_failed",
        "voice.echo_changed",
        "voice.echo_created",
        "voice.echo_deleted",
        "voice.voice_model_cancelled",
        "voice.voice_model_deleted",
        "voice.voice_model_failed",
        "voice.voice_model_ready",
        "voice.voice_model_renamed",
        "voice.voice_model_requested",
        "voice.voice_model_shared",
        "voice.voice_model_unshared",
        "voice.voice_model_withdrawn",
        "voice.voice_selected",
    ),
    "voice": (
        "auth.user_deleted",
        "voice.consent_revoked",
        "voice.echo_deleted",
        "voice.voice_model_deleted",
        "voice.voice_model_ready",
        "voice.voice_model_withdrawn",
    ),
}
"""The topics of each service's durable consumers."""


def lacks_object(document: Document) -> bool:
    """Return whether a document is the record of an export whose archive is not backed up; users see it as expired."""
    archive = document.get("archive")
    return isinstance(archive, Mapping) and str(archive.get("key")).startswith(LEFT_OUT)
