"""What synthesis does for people, a module a noun."""

from echo_synthesis.usecases.audio import delete_audio, find_audio
from echo_synthesis.usecases.jobs import cancel_job, config_of, delete_job, estimated_seconds, find_job, list_jobs, queue_job
from echo_synthesis.usecases.speech import stream_speech, synthesize
from echo_synthesis.usecases.studio import Studio, plan_speech

__all__ = [
    "Studio",
    "cancel_job",
    "config_of",
    "delete_audio",
    "delete_job",
    "estimated_seconds",
    "find_audio",
    "find_job",
    "list_jobs",
    "plan_speech",
    "queue_job",
    "stream_speech",
    "synthesize",
]
