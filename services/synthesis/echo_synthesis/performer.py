"""Performance of jobs: an attempt generates and stores the speech, and its result completes the job."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from echo_common.contracts.errors.synthesis import EngineUnavailableError, TooManyQueuedError
from echo_common.errors import EchoError
from echo_common.faults import FaultPoints
from echo_common.work.port import Attempt, Result
from echo_common.work.queue import WorkQueue
from echo_common.work.task import Progress
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import UNFINISHED, Audio, Job, RemainingTimeEstimator, SegmentReference
from echo_synthesis.pipeline.narration import SpokenSegment, plan
from echo_synthesis.pipeline.segment_planning import plan_segment
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.revised_speech import RevisedSpeech


def work_queue(deps: Dependencies, faults: FaultPoints) -> WorkQueue[Job]:
    """Return the work queue of jobs; half of its slots are reserved for users without a running job."""
    slots = deps.settings.jobs_at_once
    return WorkQueue(
        "jobs",
        deps.jobs,
        JobPerformer(deps, faults),
        slots=slots,
        reserved_slots=slots // 2,
        deferrable=(EngineUnavailableError, TooManyQueuedError),
    )


class JobPerformer:
    """The performer of jobs."""

    def __init__(self, deps: Dependencies, faults: FaultPoints) -> None:
        self._deps = deps
        self._faults = faults

    async def __call__(self, job: Job, attempt: Attempt) -> Result[Job]:
        """Generate the speech and store its objects. Raises the errors of `plan`, `Recorder.record` and `Reviser`."""
        clone = await self._deps.clones.find(job.settings.voice_id, job.user_id)
        spec = (clone or self._deps.voices.find(job.settings.voice_id)).engine
        make = plan if job.replaces is None else plan_segment
        narration = await make(job.text, job.settings, spec, self._deps.scripts, job.user_id, packed=job.script)
        reporter = _ProgressReporter(job, attempt, self._faults)
        if job.replaces is not None:
            take = await self._choose_take(job, job.replaces) if job.replaces.unchanged else 0
            replacement = await self._deps.reviser.speak(replace(narration, take=take), reporter)
            revised = RevisedSpeech(job, job.replaces, replacement, attempt, self._deps, self._faults)
            await revised.assemble()
            return revised
        audio = await self._deps.recorder.record(
            narration,
            user_id=job.user_id,
            synthesis_id=job.synthesis_id,
            audio_id=job.audio_key,
            job_id=job.id,
            text_id=job.text_id,
            metadata=job.metadata,
            attempt=attempt.number,
            progressed=reporter,
        )
        return StoredSpeech(audio, self._deps, self._faults)

    async def _choose_take(self, job: Job, reference: SegmentReference) -> int:
        """Return a take that no revision has used, and no job that was queued before. Raises `AudioNotFoundError`."""
        before = {"user_id": job.user_id, "replaces.audio_id": reference.audio_id, "created_at": {"$lt": job.created_at}}
        # counted before the audio is read: a job that ends in between counts twice, not never
        unfinished = await self._deps.jobs.count({**before, "status": {"$in": list(UNFINISHED)}})
        audio = await self._deps.audio.get(reference.audio_id, user_id=job.user_id)
        return audio.find_take(unfinished)


class StoredSpeech(Result[Job]):
    """The audio of an attempt: its objects are stored, its document is not."""

    def __init__(self, audio: Audio, deps: Dependencies, faults: FaultPoints) -> None:
        super().__init__(lambda job: job.complete(audio.attempt, audio.id, audio.duration, audio.creation))
        self._audio = audio
        self._deps = deps
        self._faults = faults

    async def store(self) -> None:
        """Save the audio. Raises `LeaseLostError` if a later attempt has saved its own."""
        await self._faults.reach("worker.after_upload")
        await self._deps.audio.put(self._audio)

    async def discard(self) -> None:
        """Delete the audio and its objects, as far as the database and the storage are reachable."""
        with suppress(EchoError):
            await self._deps.audio.withdraw(self._audio)
        await self._delete(self._audio.object_keys)

    async def finish(self) -> None:
        """Delete the objects of earlier attempts."""
        if self._audio.attempt > 1:
            current = set(self._audio.object_keys)
            with suppress(EchoError):
                stored = [key async for key in self._deps.objects.keys(Audio.folder_of(self._audio.id))]
                await self._delete([key for key in stored if key not in current])

    async def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(EchoError):
                await self._deps.objects.delete(key)


class _ProgressReporter:
    """Callback that reports each segment to the attempt, with the estimated time left."""

    def __init__(self, job: Job, attempt: Attempt, faults: FaultPoints) -> None:
        self._attempt = attempt
        self._faults = faults
        self._estimator = RemainingTimeEstimator(monotonic)
        self._totals: Totals | None = None
        self._after_loss = job.losses > 0
        self._units_saved, self._units_total = job.units_done, job.units_total

    async def __call__(self, segment: SpokenSegment, totals: Totals) -> None:
        if self._totals is None or totals is self._totals:
            self._estimator.spoken(segment.characters, cached=segment.cached)
        else:  # a fallback engine has started over
            self._estimator = RemainingTimeEstimator(monotonic)
        self._totals = totals
        seconds_left = self._estimator.seconds_left(totals.characters_left)
        self._attempt.report(Progress(totals.units, totals.units_total, seconds_left=seconds_left))
        await self._faults.reach("worker.mid_speech")
        share = totals.units * self._units_total // totals.units_total
        # After a loss, save the progress before the next segment, in case that segment is the cause.
        save = self._after_loss and share > self._units_saved and totals.units < totals.units_total
        if save and await self._attempt.renew():
            self._units_saved = share
