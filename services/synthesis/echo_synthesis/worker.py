"""The worker: claims jobs and runs them. The database is the queue; events only ring the bell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from time import monotonic

import structlog

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError
from echo_common.errors import ConflictError, EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.telemetry import Metrics
from echo_common.uninterrupted import uninterrupted
from echo_synthesis.domain import Audio, Job, LeaseLostError, Pace, lease_until
from echo_synthesis.narration import SpokenUnit, plan
from echo_synthesis.recording import Tally
from echo_synthesis.usecases import Studio
from echo_synthesis.waiting import FRESH_SECONDS, Waiting

_SWEEP_SECONDS = 2.0
_RENEWALS_A_LEASE = 4
_LONGEST_SILENCE = 1.5  # at a renewal a worker hears that the job is not wanted any more, if no event told it
_OUTAGE_PAUSE = 1.0
_LAST_CLAIM = 3.0


class Worker:
    """Runs up to `jobs_at_once` jobs in tasks of their own; half of that room is for users of whom none runs yet.

    Start with `running`.
    """

    def __init__(self, studio: Studio, metrics: Metrics, faults: FaultPoints) -> None:
        self._studio = studio
        self._faults = faults
        self._metrics = metrics
        self._name = new_id("wrk")
        self._bell = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, Job] = {}
        self._waiting = Waiting(studio.jobs)
        self._swept = 0.0
        self._stopping = False
        self._log = structlog.get_logger("echo.worker")

    @property
    def busy(self) -> int:
        """Jobs that run here."""
        return len(self._tasks)

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def drop(self, job_id: str) -> None:
        """The job is not wanted any more: stop at once if it runs here."""
        if task := self._tasks.get(job_id):
            task.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context lasts; on leaving, running jobs go back into the queue."""
        loop = asyncio.create_task(self._loop())
        try:
            yield
        finally:
            self._stopping = True
            self.ring()
            await asyncio.wait({loop}, timeout=_LAST_CLAIM)  # cancelled in the middle of a claim, it would take a job along
            loop.cancel()
            jobs = list(self._jobs.values())
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(loop, *self._tasks.values(), return_exceptions=True)
            await asyncio.gather(*(self._hand_back(job.id, job.attempt) for job in jobs))

    async def _hand_back(self, job_id: str, attempt: int) -> None:
        with suppress(LeaseLostError, EchoError):
            await self._studio.jobs.update(job_id, lambda held: held.hand_back(attempt))

    async def _loop(self) -> None:
        while not self._stopping:
            self._bell.clear()
            try:
                await self._sweep()
                await self._claim()
            except EchoError as error:
                self._log.warning("no work can be had", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            except Exception:
                self._log.exception("the worker's loop failed")
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(FRESH_SECONDS if self._waiting else _SWEEP_SECONDS):
                    await self._bell.wait()

    async def _sweep(self) -> None:
        """Take jobs from workers that have gone silent."""
        if monotonic() - self._swept < _SWEEP_SECONDS / 2:
            return
        self._swept = monotonic()
        moment = now()
        async for job in self._studio.jobs.abandoned(moment):
            job.lose(moment)
            with suppress(ConflictError):  # another replica was quicker
                await self._studio.jobs.save(job)
                self._log.warning("job lost by its worker", job=job.id, losses=job.losses)

    async def _claim(self) -> None:
        while len(self._tasks) < self._studio.settings.jobs_at_once and not self._stopping:
            crowded = 2 * len(self._tasks) >= self._studio.settings.jobs_at_once
            job_id = await self._waiting.take({running.user_id for running in self._jobs.values()} if crowded else ())
            if job_id is None:
                return
            try:
                job = await self._studio.jobs.get(job_id)
                job.claim(self._name, lease_until(now(), self._studio.settings.lease_seconds))
                await self._studio.jobs.save(job)
            except (ConflictError, NotFoundError):  # another replica was quicker, and knows the others that wait too
                self._waiting.forget()
                continue
            await self._faults.reach("worker.after_claim")
            task = asyncio.create_task(self._run(job))
            self._tasks[job.id] = task
            self._jobs[job.id] = job
            task.add_done_callback(partial(self._ended, job.id))

    def _ended(self, job_id: str, _: "asyncio.Task[None]") -> None:
        self._tasks.pop(job_id, None)
        self._jobs.pop(job_id, None)
        self.ring()

    async def _run(self, job: Job) -> None:
        attempt = job.attempt
        log = self._log.bind(job=job.id, attempt=attempt)
        run = _Run(job, self._studio, self._faults)
        try:
            await run.perform(job)
            self._metrics.jobs.labels("completed").inc()
        except LeaseLostError:
            log.warning("job is not ours any more")
        except EngineUnavailableError as error:
            log.warning("the engine cannot be had", error=error.message, retry_after=error.retry_after)
            refusal = (error.retry_after, error.code, error.message)
            await run.settle(lambda held: held.put_off(attempt, now(), *refusal))
        except EchoError as error:
            if error.status == 503:
                log.warning("job goes back into the queue", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                await run.settle(lambda held: held.hand_back(attempt))
                return
            code, message = error.code, error.message
            await run.settle(lambda held: held.fail(attempt, code, message))
            self._metrics.jobs.labels("failed").inc()
        except Exception:
            log.exception("job failed")
            await run.settle(
                lambda held: held.fail(attempt, "INTERNAL_ERROR", "The job failed on our side; it may be retried.")
            )
            self._metrics.jobs.labels("failed").inc()


class _Run:
    """One attempt at one job: keeps the lease alive while speaking, and commits under its fence."""

    def __init__(self, job: Job, studio: Studio, faults: FaultPoints) -> None:
        self._job: Job | None = job
        self._job_id = job.id
        self._attempt = job.attempt
        self._studio = studio
        self._faults = faults
        self._pace = Pace(monotonic)
        self._tally: Tally | None = None

    async def perform(self, job: Job) -> None:
        clone = await self._studio.clones.find(job.settings.voice_id, job.user_id)
        spec = (clone or self._studio.voices.find(job.settings.voice_id)).engine
        narration = await plan(job.text, job.settings, spec, job.user_id)
        speaking = asyncio.create_task(
            self._studio.recorder.record(
                narration,
                user_id=job.user_id,
                synthesis_id=job.synthesis_id,
                audio_id=job.audio_key,
                job_id=job.id,
                text_id=job.text_id,
                attempt=self._attempt,
                progressed=self._progressed,
            )
        )
        try:
            audio = await self._keep_lease(speaking)
        except BaseException:
            speaking.cancel()
            await uninterrupted(self._clear_away(speaking))
            raise
        await uninterrupted(self._commit(audio))

    async def settle(self, change: Callable[[Job], object]) -> None:
        """Try to change the job under this attempt's fence; a lost lease or an outage leaves it to the sweep."""
        with suppress(LeaseLostError, EchoError):
            await self._update(change)

    async def _update(self, change: Callable[[Job], object]) -> None:
        """Beginning with the job as it was left here, unless that failed."""
        held, self._job = self._job, None
        jobs = self._studio.jobs
        self._job = await (jobs.amend(held, change) if held else jobs.update(self._job_id, change))

    async def _progressed(self, unit: SpokenUnit, tally: Tally) -> None:
        if self._tally is None or tally is self._tally:
            self._pace.spoken(unit.characters, cached=unit.cached)
        else:
            self._pace = Pace(monotonic)
        self._tally = tally
        await self._faults.reach("worker.mid_speech")

    async def _keep_lease(self, speaking: "asyncio.Task[Audio]") -> Audio:
        """Renew at intervals, and when a unit is done; give up as soon as the lease is lost."""
        period = min(self._studio.settings.lease_seconds / _RENEWALS_A_LEASE, _LONGEST_SILENCE)
        seen, renewed = 0, asyncio.get_running_loop().time()
        while True:
            ended, _ = await asyncio.wait({speaking}, timeout=min(0.5, period))
            if ended:
                return speaking.result()
            clock = asyncio.get_running_loop().time()
            done = self._tally.units if self._tally else 0
            if done != seen or clock - renewed >= period:
                seen, renewed = done, clock
                until = lease_until(now(), self._studio.settings.lease_seconds)
                with suppress(_Outage):
                    await self._renew(until)

    async def _renew(self, until: datetime) -> None:
        tally = self._tally
        done, total, characters = (tally.units, tally.units_total, tally.characters_left) if tally else (0, 1, 0)
        left = self._pace.seconds_left(characters)
        try:
            await self._update(lambda held: held.renew(self._attempt, until, done, total, left))
        except EchoError as error:
            if error.status == 404:
                raise LeaseLostError(self._job_id) from error
            raise _Outage from error

    async def _commit(self, audio: Audio) -> None:
        await self._faults.reach("worker.after_upload")
        try:
            await self._studio.audio.put(audio)
            await self._faults.reach("worker.before_commit")
            await self._update(lambda held: held.complete(self._attempt, audio.id, audio.duration))
        except (LeaseLostError, NotFoundError, ConflictError) as error:
            await self._studio.audio.withdraw(audio)
            await self._discard(audio.object_keys)
            raise LeaseLostError(self._job_id) from error
        if self._attempt > 1:
            kept = set(audio.object_keys)
            await self._discard([key async for key in self._studio.objects.keys(Audio.folder_of(audio.id)) if key not in kept])

    async def _clear_away(self, speaking: "asyncio.Task[Audio]") -> None:
        """Nobody wants what is being spoken; it may have been stored already."""
        await asyncio.wait({speaking})
        if not speaking.cancelled() and speaking.exception() is None:
            await self._discard(speaking.result().object_keys)

    async def _discard(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(EchoError):
                await self._studio.objects.delete(key)


class _Outage(Exception):
    """The database did not answer; the lease may still hold."""
