"""Result of a job that replaces a segment: another revision of an audio."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import AudioNotFoundError
from echo_common.errors import EchoError
from echo_common.faults import FaultPoints
from echo_common.outbox.repository import StaleError
from echo_common.storage.port import ObjectNotFoundError
from echo_common.work.port import Attempt, Result
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job, SegmentReference
from echo_synthesis.pipeline.revising import Replacement, make_keys
from echo_synthesis.usecases.audio import text_of_audio

_TRIES = 10


class RevisedSpeech(Result[Job]):
    """A revision of an audio: its objects are stored, the audio is not changed yet.

    The audio is saved only as it was when the revision was assembled. If another job has revised it meanwhile, the revision is
    assembled again, so that it has the segments of both. Objects that only the revision before needed, and those of earlier
    attempts, are left to the sweep of orphaned objects.
    """

    def __init__(
        self,
        job: Job,
        reference: SegmentReference,
        replacement: Replacement,
        attempt: Attempt,
        deps: Dependencies,
        faults: FaultPoints,
    ) -> None:
        seconds = replacement.seconds
        super().__init__(lambda held: held.complete(attempt.number, reference.audio_id, seconds))
        self._job = job
        self._reference = reference
        self._replacement = replacement
        self._attempt = attempt
        self._deps = deps
        self._faults = faults
        self._grace = timedelta(seconds=deps.orphan_seconds)
        self._audio: Audio | None = None
        self._changes: Mapping[str, Any] = {}
        self._state: Mapping[str, Any] | None = None

    async def assemble(self) -> None:
        """Store the objects of the revision. Raises `AudioNotFoundError` and the errors of `Reviser.revise`."""
        for left in reversed(range(_TRIES)):
            audio = await self._deps.audio.get_with_text(self._reference.audio_id, user_id=self._job.user_id)
            text = await text_of_audio(audio, self._deps)
            try:
                self._changes = await self._deps.reviser.revise(
                    audio,
                    text,
                    self._reference.number,
                    self._replacement,
                    job_id=self._job.id,
                    attempt=self._attempt.number,
                )
            except ObjectNotFoundError:  # revised meanwhile
                if not left:
                    raise
            else:
                self._audio = audio
                return

    async def store(self) -> None:
        """Make the revision current. Raises `LeaseLostError`, `AudioNotFoundError`, `StaleError` after many conflicts."""
        await self._faults.reach("worker.after_upload")
        for left in reversed(range(_TRIES)):
            audio = self._audio
            assert audio is not None  # noqa: S101 - it is assembled
            state = audio.revise(
                self._changes,
                segment=self._reference.number,
                job_id=self._job.id,
                moment=now(),
                most_earlier=self._deps.settings.earlier_revisions,
                grace=self._grace,
            )
            await self._attempt.renew()  # a lost lease ends the attempt here
            try:
                await self._deps.audio.save(audio)
            except StaleError:
                if not left:
                    raise
                await self.assemble()
            else:
                self._state = state
                return

    async def discard(self) -> None:
        """Make the revision before current again, as far as the database is reachable.

        The objects of a revision that was never current are deleted, as far as the storage is reachable. Those of one that was
        are left to the sweep of orphaned objects, because a reader or a backup may still need them.
        """
        with suppress(EchoError):
            try:
                audio = await self._deps.audio.get_with_text(self._reference.audio_id)
            except AudioNotFoundError:
                in_use = set[str]()
            else:
                if self._state is not None and self._audio is not None and audio.version == self._audio.version:
                    audio.restore(self._state, now(), self._grace)
                    await self._deps.audio.save(audio)
                in_use = {*audio.object_keys, *(each.key for each in audio.superseded)}
            for key in set(make_keys(self._reference.audio_id, self._job, self._attempt.number)) - in_use:
                with suppress(EchoError):
                    await self._deps.objects.delete(key)
