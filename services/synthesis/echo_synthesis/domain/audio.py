"""Stored audio and its revisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.contracts.errors.synthesis import RevisionNotFoundError
from echo_common.contracts.events.synthesis import AudioCreated, AudioDeleted, AudioRevised
from echo_common.contracts.values import Alignment
from echo_synthesis.domain.quality import AudioQuality
from echo_synthesis.domain.speech import SpeechSettings, WordTiming
from echo_synthesis.engine import MOST_TAKES

_RESTORED_FIELDS: Final = (
    "revision",
    "revised_at",
    "revised_segment",
    "revised_by",
    "earlier",
    "earlier_checksums",
    "further_bytes",
)


class Chapter(BaseModel):
    """A part of an audio under one heading of the text; `start` and `end` in seconds."""

    model_config = ConfigDict(frozen=True)

    title: str
    start: float
    end: float


class Revision(BaseModel):
    """A file of an audio. A revision after the first one replaced `segment`, and `job_id` is the job that generated it."""

    model_config = ConfigDict(frozen=True)

    number: int
    object_key: str
    mime: str
    size: int
    checksum: str
    duration: float
    created_at: datetime
    segment: int | None = None
    job_id: str | None = None


class SupersededObject(BaseModel):
    """An object of an audio that its revisions no longer need since a moment."""

    model_config = ConfigDict(frozen=True)

    key: str
    since: datetime


class Audio(Aggregate):
    """Generated speech: a stored object and its metadata.

    `attempt` is the fencing token of audio that a job generates. `words` holds short lists of word timings; long ones are a
    separate object at `times_key`. `cached_units` of the `units` segments came from the speech cache or from a concurrent
    request of the same user. `quality` is None for audio of earlier versions. `metadata` is the client's own data. Audio that a job generates has no `text`, unless a segment
    was replaced with another text: the job has it. `text` is also None if the audio was read without it.

    `segments` holds short lists of kept segments as JSON lines; long ones are a separate object at `segments_key`. An audio
    without both cannot be revised. `lossless_key` is a lossless copy of lossy audio. `revision` is the number of the current
    revision, `revised_at`, `revised_segment` and `revised_by` describe it; `earlier` are the revisions before it, oldest first.
    `further_bytes` is the size of the earlier revisions and of the lossless copy. `revision_counter` counts the revisions that were
    made and undone, so that no revision gets the number of an undone one. `superseded` are objects that a reader or a backup may
    still need; the sweep of orphaned objects removes them.
    """

    user_id: str
    synthesis_id: str
    job_id: str | None = None
    text_id: str | None = None
    attempt: int = 0
    settings: SpeechSettings
    object_key: str
    mime: str
    size: int
    checksum: str
    duration: float
    word_count: int = 0
    alignment: Alignment
    metadata: Mapping[str, str | bool | int | float | None] = {}
    text: str | None = None
    text_length: int = 0
    words: Sequence[WordTiming] = ()
    times_key: str | None = None
    chapters: Sequence[Chapter] = ()
    units: int = 0
    cached_units: int = 0
    quality: AudioQuality | None = None
    segments: Sequence[str] = ()
    segments_key: str | None = None
    lossless_key: str | None = None
    further_bytes: int = 0
    revision: int = 1
    revised_at: datetime | None = None
    revised_segment: int | None = None
    revised_by: str | None = None
    earlier: Sequence[Revision] = ()
    earlier_checksums: Sequence[str] = ()
    revision_counter: int = 1
    superseded: Sequence[SupersededObject] = ()

    @property
    def url(self) -> str:
        """Path on the gateway; that of a revision after the first one names it, because its bytes never change."""
        return self.url_of(self.id, self.revision if self.revision > 1 else None)

    @staticmethod
    def url_of(audio_id: str, revision: int | None = None) -> str:
        """Return the path of an audio, or of one of its revisions, on the gateway."""
        path = f"/api/v1/files/audio/{audio_id}"
        return path if revision is None else f"{path}?revision={revision}"

    @staticmethod
    def folder_of(audio_id: str) -> str:
        """Return the prefix of the object keys of all attempts."""
        return f"audio/{audio_id}/"

    @property
    def object_keys(self) -> Sequence[str]:
        """Keys of all its objects, the current sound last."""
        beside = (self.times_key, self.segments_key, self.lossless_key)
        return [*(key for key in beside if key), *(revision.object_key for revision in self.earlier), self.object_key]

    def find_take(self, jobs_before: int = 0) -> int:
        """Return a take that no revision has used, nor will one of this number of jobs before."""
        return MOST_TAKES * (max(self.revision, self.revision_counter) + jobs_before)

    @property
    def revisions(self) -> Sequence[Revision]:
        """All revisions that are kept, oldest first; the current one is the last."""
        return [*self.earlier, self.current]

    @property
    def current(self) -> Revision:
        """The current revision."""
        return Revision(
            number=self.revision,
            object_key=self.object_key,
            mime=self.mime,
            size=self.size,
            checksum=self.checksum,
            duration=self.duration,
            created_at=self.revised_at or self.created_at,
            segment=self.revised_segment,
            job_id=self.revised_by,
        )

    def find_revision(self, number: int | None) -> Revision:
        """Return a revision, the current one by default. Raises `RevisionNotFoundError`."""
        if number in {None, self.revision}:
            return self.current
        for revision in self.earlier:
            if revision.number == number:
                return revision
        raise RevisionNotFoundError

    def revise(
        self, changes: Mapping[str, Any], *, segment: int, job_id: str, moment: datetime, most_earlier: int, grace: timedelta
    ) -> Mapping[str, Any]:
        """Make another revision current, in which a job replaced a segment; return the state for `restore`.

        A revision that the same job has already made is dropped: an attempt that has lost its lease saved it. Of the earlier
        revisions the latest `most_earlier` are kept.

        Args:
            changes: The fields of the new revision: its files, word timings, chapters, duration and text.
            segment: Number of the replaced segment.
            job_id: Id of the job that replaced it.
            moment: The present time.
            most_earlier: Maximum number of earlier revisions.
            grace: Time for which the sweep of orphaned objects keeps superseded objects.
        """
        state = {name: getattr(self, name) for name in (*changes, *_RESTORED_FIELDS)}
        before = self.object_keys
        earlier = self.earlier if self.revised_by == job_id else self.revisions
        self.earlier = list(earlier)[max(0, len(earlier) - most_earlier) :]
        self.earlier_checksums = [revision.checksum for revision in self.earlier]
        for name, value in changes.items():
            setattr(self, name, value)
        self.further_bytes += sum(revision.size for revision in self.earlier)
        self.revision = max(self.revision, self.revision_counter) + 1
        self.revised_at, self.revised_segment, self.revised_by = moment, segment, job_id
        self._record_revision(before, moment, grace)
        return state

    def restore(self, state: Mapping[str, Any], moment: datetime, grace: timedelta) -> None:
        """Make the revision before the latest `revise` current again; the number of the undone one is never used again."""
        before = self.object_keys
        for name, value in state.items():
            setattr(self, name, value)
        self._record_revision(before, moment, grace)

    def _record_revision(self, keys_before: Sequence[str], moment: datetime, grace: timedelta) -> None:
        self.revision_counter = max(self.revision, self.revision_counter + 1)
        keys = set(self.object_keys)
        left = [SupersededObject(key=key, since=moment) for key in dict.fromkeys(keys_before) if key not in keys]
        # only the age counts: the files of the first revision are old, and the next sweep would remove them; the daily quota
        # of syntheses limits the number
        kept = [each for each in self.superseded if each.key not in keys and each.since > moment - grace]
        self.superseded = [*kept, *left]
        self.record(
            AudioRevised(
                audio_id=self.id,
                user_id=self.user_id,
                revision=self.revision,
                counter=self.revision_counter,
                segment=self.revised_segment,
                duration=self.duration,
                word_count=self.word_count,
                size_bytes=self.size,
                object_key=self.object_key,
                mime=self.mime,
            )
        )

    @property
    def creation(self) -> AudioCreated:
        """Event of its creation, to be recorded with the write after which it is readable for good."""
        return AudioCreated(
            audio_id=self.id,
            user_id=self.user_id,
            job_id=self.job_id,
            voice_id=self.settings.voice_id,
            engine=self.settings.engine,
            duration=self.duration,
            word_count=self.word_count,
            size_bytes=self.size,
            object_key=self.object_key,
            mime=self.mime,
        )

    def delete(self) -> None:
        """Delete the record; remove its objects once this is saved."""
        self.record(AudioDeleted(audio_id=self.id, user_id=self.user_id))
        self.erase()
