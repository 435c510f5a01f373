"""Value types shared by contracts."""

from enum import StrEnum
from typing import Literal


class Plan(StrEnum):
    """A user's plan, which determines quotas and rate limits."""

    GUEST = "guest"
    USER = "user"
    PREMIUM = "premium"


class Role(StrEnum):
    """A user's role."""

    USER = "user"
    ADMIN = "admin"


class Metric(StrEnum):
    """A quantity that a plan limits. All but the last two are counted a day, from midnight to midnight UTC."""

    SYNTHESES = "syntheses"
    CHARACTERS = "characters"
    AUDIO_SECONDS = "audio_seconds"
    UPLOADS = "uploads"
    MESSAGES = "messages"
    QUEUED_JOBS = "queued_jobs"
    STORAGE_BYTES = "storage_bytes"

    @property
    def daily(self) -> bool:
        """True if the metric is counted a day, false if it is a current total."""
        return self not in {Metric.QUEUED_JOBS, Metric.STORAGE_BYTES}


class Scope(StrEnum):
    """A right of a credential."""

    ACCOUNT = "account"
    SPEECH_READ = "speech:read"
    SPEECH_WRITE = "speech:write"
    VOICES_READ = "voices:read"
    VOICES_WRITE = "voices:write"
    LISTENING_READ = "listening:read"
    LISTENING_WRITE = "listening:write"
    ADMIN = "admin"


class JobStatus(StrEnum):
    """Status of a job. The last three are terminal."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True for the statuses without a successor (the owner may still retry a failed job)."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class JobType(StrEnum):
    """Type of a job."""

    SYNTHESIS = "synthesis"
    SAMPLE_PROCESSING = "sample_processing"
    TRAINING = "training"


class AudioFormat(StrEnum):
    """Output formats."""

    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    OGG = "ogg"
    AAC = "aac"
    PCM = "pcm"
    MULAW = "mulaw"


class TrackSource(StrEnum):
    """Source of a track."""

    SPEECH = "speech"
    UPLOAD = "upload"
    SPOTIFY = "spotify"


class PlaylistRole(StrEnum):
    """A user's role in a playlist."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class PlaylistUpdateType(StrEnum):
    """Type of an update of a playlist."""

    CREATE = "create"
    RENAME = "rename"
    DESCRIBE = "describe"
    ADD = "add"
    REMOVE = "remove"
    REORDER = "reorder"
    RESTORE = "restore"
    IMPORT = "import"


class StreamFormat(StrEnum):
    """Format of the stream of a playlist."""

    MP3 = "mp3"
    OGG = "ogg"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"


class AnalysisStatus(StrEnum):
    """Status of the audio features of a track."""

    PENDING = "pending"
    COMPLETE = "complete"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class GroupRole(StrEnum):
    """Role of a member of a group session."""

    HOST = "host"
    MEMBER = "member"


class PlaybackState(StrEnum):
    """State of the playback of a group session."""

    PLAYING = "playing"
    PAUSED = "paused"
    FINISHED = "finished"


class MemberStatus(StrEnum):
    """Status of a member of a group session."""

    READY = "ready"
    STALLED = "stalled"
    AWAY = "away"


class InteractionType(StrEnum):
    """Type of an interaction of a user with a track."""

    PLAY = "play"
    PAUSE = "pause"
    SKIP = "skip"
    COMPLETE = "complete"
    LIKE = "like"
    UNLIKE = "unlike"
    DISLIKE = "dislike"
    ADD = "add"
    REMOVE = "remove"


class SpotifyLinkStatus(StrEnum):
    """Status of a link to an account of Spotify."""

    ACTIVE = "active"
    EXPIRED = "expired"


Alignment = Literal["model", "aligned", "estimated"]
"""Source of timings: the model's own durations, a recogniser, or proportional estimation."""

QualityMethod = Literal["signal", "partial", "recognizer"]
"""Method of a quality check: the signal alone, or also a recogniser, for a part of the segments or for all."""

NotTranscribed = Literal["not_requested", "switched_off", "not_calibrated", "not_installed", "stream", "failed"]
"""Reason why speech was not compared with its text by a recogniser."""

SpeechProblem = Literal["silent", "clipped", "duration", "words"]
"""Problem of speech: a long silence, clipping, an implausible duration, too many wrong words."""

TimestampGranularity = Literal["word", "syllable", "both"]
"""Granularity of timings."""

Latency = Literal["normal", "low"]
"""Time to the first audio of a stream; with `low`, the first phrase of a long first sentence is spoken alone."""
