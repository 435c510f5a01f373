"""The services whose databases and queues belong to a platform.

They are listed here, because the registry imports the services themselves, which the container of the backup lacks.
"""

from collections.abc import Mapping, Sequence

SERVICES = ("auth", "feedback", "gateway", "synthesis", "voice")

LEFT_OUT = ("exports/",)
"""Prefixes of objects that are not backed up: archives of exports, which users can request again."""

CONSUMERS: Mapping[str, Sequence[str]] = {
    "auth": ("gateway.user_data_erased", "synthesis.user_data_erased", "voice.user_data_erased"),
    "feedback": (),
    "gateway": ("auth.user_deleted",),
    "synthesis": (
        "auth.user_deleted",
        "synthesis.audio_deleted",
        "synthesis.job_cancelled",
        "synthesis.job_completed",
        "synthesis.job_failed",
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
    "voice": ("auth.user_deleted", "voice.consent_revoked"),
}
"""The topics of each service's durable consumers."""
