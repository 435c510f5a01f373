"""The worker: claims jobs and runs them. The database is the queue; events only wake workers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

import structlog

from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EngineUnavailableError, TooManyQueuedError
from echo_common.errors import ConflictError, EchoError, NotFoundError
from echo_common.faults import FaultPoints
from echo_common.ids import new_id
from echo_common.telemetry import Metrics
from echo_common.uninterrupted import uninterrupted
from echo_common.work.lease import HeldLease, LeaseObserver
from echo_synthesis.domain import Audio, Job, LeaseLostError, Pace
from echo_synthesis.domain.job import MAXIMUM_CRASHES, MAXIMUM_LOSSES
from echo_synthesis.narration import SpokenUnit, plan
from echo_synthesis.recording import Tally
from echo_synthesis.repository import Turn
from echo_synthesis.usecases import Studio
from echo_synthesis.waiting import FRESH_SECONDS, Waiting

_SWEEP_SECONDS = 2.0
_RENEWALS_A_LEASE = 4
_LONGEST_SILENCE = 1.5  # seconds between renewals, which detect cancellations whose event was lost
_OUTAGE_PAUSE = 1.0
_LAST_CLAIM = 3.0


class Worker:
    """Runner of up to `jobs_at_once` concurrent jobs; half of the slots are reserved for users without a running job.

    Start with `running`. With `exclusive` no other process runs these jobs, so leases found at the start have no holder and are
    expired at once.
    """

    def __init__(self, studio: Studio, metrics: Metrics, faults: FaultPoints, *, exclusive: bool = False) -> None:
        self._studio = studio
        self._faults = faults
        self._metrics = metrics
        self._name = new_id("wrk")
        self._bell = asyncio.Event()
        self._runs: dict[_Attempt, _Running] = {}
        self._waiting = Waiting(studio.jobs)
        self._leases = LeaseObserver()
        self._swept = 0.0
        self._orphaned = exclusive
        self._stopping = False
        self._log = structlog.get_logger("echo.worker")

    @property
    def busy(self) -> int:
        """Number of running jobs."""
        return len(self._runs)

    def ring(self) -> None:
        """Wake the worker to look for pending jobs."""
        self._bell.set()

    def recheck(self, job_id: str) -> None:
        """Renew the leases of a job's running attempts at once; an attempt that has lost its lease ends.

        The database decides, not the notification: a late cancellation ends no attempt that started after it.
        """
        for attempt, running in self._runs.items():
            if attempt.job_id == job_id:
                running.run.recheck()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs while the context lasts; on exit, return running jobs to the queue."""
        loop = asyncio.create_task(self._loop())
        try:
            yield
        finally:
            self._stopping = True
            self.ring()
            await asyncio.wait({loop}, timeout=_LAST_CLAIM)  # cancelled during a claim, it would orphan the job
            loop.cancel()
            runs = dict(self._runs)
            for running in runs.values():
                running.task.cancel()
            await asyncio.gather(loop, *(running.task for running in runs.values()), return_exceptions=True)
            await asyncio.gather(*map(self._hand_back, runs))

    async def _hand_back(self, attempt: "_Attempt") -> None:
        with suppress(LeaseLostError, EchoError):
            await self._studio.jobs.update(attempt.job_id, lambda held: held.hand_back(attempt.number))

    async def _loop(self) -> None:
        while not self._stopping:
            self._bell.clear()
            try:
                await self._release_orphaned()
                await self._sweep()
                await self._claim()
            except EchoError as error:
                self._log.warning("claim_failed", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            except Exception:
                self._log.exception("worker_loop_failed")
                await asyncio.sleep(_OUTAGE_PAUSE)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(FRESH_SECONDS if self._waiting else _SWEEP_SECONDS):
                    await self._bell.wait()

    async def _release_orphaned(self) -> None:
        """Expire the leases that earlier processes have left behind."""
        if self._orphaned:
            await self._expire(await self._studio.jobs.leases(), MAXIMUM_CRASHES)
            self._orphaned = False

    async def _sweep(self) -> None:
        """Expire the leases of workers that no longer renew them."""
        if monotonic() - self._swept < _SWEEP_SECONDS / 2:
            return
        self._swept = monotonic()
        await self._expire(self._leases.expired(await self._studio.jobs.leases()))

    async def _expire(self, leases: Sequence[HeldLease], maximum_losses: int = MAXIMUM_LOSSES) -> None:
        for held in leases:
            with suppress(ConflictError, NotFoundError):  # renewed, ended, or another replica was first
                job = await self._studio.jobs.glance(held.key, {"version": held.version})
                job.expire_lease(maximum_losses)
                await self._studio.jobs.save(job)
                self._log.warning("lease_expired", job_id=job.id, attempt=job.attempt, losses=job.losses)

    async def _claim(self) -> None:
        """Claim pending jobs for all free slots, concurrently, so that claims share the wait for the disk."""
        while not self._stopping and (turns := await self._next_turns()):
            ends = await asyncio.gather(*map(self._claim_one, turns), return_exceptions=True)
            for error in ends:
                if error is not None:
                    raise error

    async def _next_turns(self) -> Sequence[Turn]:
        room = self._studio.settings.jobs_at_once
        turns: list[Turn] = []
        users = {running.user_id for running in self._runs.values()}
        while (taken := len(self._runs) + len(turns)) < room:
            turn = await self._waiting.take(users if 2 * taken >= room else ())
            if turn is None or turn in turns:  # the latter: the candidate list was read again meanwhile
                break
            turns.append(turn)
            users.add(turn.user_id)
        return turns

    async def _claim_one(self, turn: Turn) -> None:
        try:
            job = await self._studio.jobs.get(turn.job_id)
            job.claim(self._name, self._studio.settings.lease_seconds)
            await self._studio.jobs.save(job)
        except (ConflictError, NotFoundError):  # another replica was first, so the other candidates may be stale too
            self._waiting.forget()
            return
        await self._faults.reach("worker.after_claim")
        attempt, run = _Attempt(job.id, job.attempt), _Run(job, self._studio, self._faults)
        task = asyncio.create_task(self._run(job, run))
        self._runs[attempt] = _Running(task, run, job.user_id)
        task.add_done_callback(partial(self._ended, attempt))

    def _ended(self, attempt: "_Attempt", _: "asyncio.Task[None]") -> None:
        self._runs.pop(attempt, None)
        self.ring()

    async def _run(self, job: Job, run: "_Run") -> None:
        attempt = job.attempt
        log = self._log.bind(job_id=job.id, attempt=attempt)
        try:
            await run.perform(job)
            self._metrics.jobs.labels("completed").inc()
        except LeaseLostError:
            log.warning("lease_lost")
        except (EngineUnavailableError, TooManyQueuedError) as error:
            log.warning("job_deferred", error=error.message, retry_after=error.retry_after)
            refusal = (error.retry_after, error.code, error.message)
            await run.settle(lambda held: held.put_off(attempt, now(), *refusal))
        except EchoError as error:
            if error.status == 503:
                log.warning("job_released", error=error.message)
                await asyncio.sleep(_OUTAGE_PAUSE)
                await run.settle(lambda held: held.hand_back(attempt))
                return
            code, message = error.code, error.message
            await run.settle(lambda held: held.fail(attempt, code, message))
            self._metrics.jobs.labels("failed").inc()
        except Exception:
            log.exception("job_failed")
            await run.settle(
                lambda held: held.fail(attempt, "INTERNAL_ERROR", "The job failed because of an internal error. Retry it.")
            )
            self._metrics.jobs.labels("failed").inc()


@dataclass(frozen=True, slots=True)
class _Attempt:
    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class _Running:
    task: "asyncio.Task[None]"
    run: "_Run"
    user_id: str


class _Run:
    """One attempt at a job: renews the lease while speaking, and commits with its fencing token."""

    def __init__(self, job: Job, studio: Studio, faults: FaultPoints) -> None:
        self._job: Job | None = job
        self._job_id = job.id
        self._attempt = job.attempt
        self._studio = studio
        self._faults = faults
        self._pace = Pace(monotonic)
        self._tally: Tally | None = None
        self._careful = job.losses > 0
        self._kept_units, self._units_total = job.units_done, job.units_total
        self._recheck = asyncio.Event()

    def recheck(self) -> None:
        """Renew the lease at once; the attempt ends if it has lost the lease."""
        self._recheck.set()

    async def perform(self, job: Job) -> None:
        clone = await self._studio.clones.find(job.settings.voice_id, job.user_id)
        spec = (clone or self._studio.voices.find(job.settings.voice_id)).engine
        narration = await plan(job.text, job.settings, spec, self._studio.scripts, job.user_id)
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
        """Try to change the job with this attempt's fencing token; after a lost lease or an outage the sweep handles it."""
        with suppress(LeaseLostError, EchoError):
            await self._update(change)

    async def _update(self, change: Callable[[Job], object]) -> None:
        """Change the job, first in its last saved version; after a failure, read it again."""
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
        share = tally.units * self._units_total // tally.units_total
        if self._careful and share > self._kept_units and tally.units < tally.units_total:
            # an earlier worker died: save the progress before the next segment, in case that segment is the cause
            with suppress(_Outage):
                await self._renew()
                self._kept_units = share

    async def _keep_lease(self, speaking: "asyncio.Task[Audio]") -> Audio:
        """Renew at intervals, after each segment, and on a recheck; raise `LeaseLostError` once the lease is lost."""
        clock = asyncio.get_running_loop().time
        period = min(self._studio.settings.lease_seconds / _RENEWALS_A_LEASE, _LONGEST_SILENCE)
        seen, renewed = 0, clock()
        told = asyncio.create_task(self._recheck.wait())
        try:
            while True:
                await asyncio.wait({speaking, told}, timeout=min(0.5, period), return_when=asyncio.FIRST_COMPLETED)
                if speaking.done():
                    return speaking.result()
                done = self._tally.units if self._tally else 0
                if told.done() or done != seen or clock() - renewed >= period:
                    if told.done():
                        self._recheck.clear()
                        told = asyncio.create_task(self._recheck.wait())
                    seen, renewed = done, clock()
                    with suppress(_Outage):
                        await self._renew()
        finally:
            told.cancel()

    async def _renew(self) -> None:
        tally = self._tally
        done, total, characters = (tally.units, tally.units_total, tally.characters_left) if tally else (0, 1, 0)
        left = self._pace.seconds_left(characters)
        try:
            await self._update(lambda held: held.renew(self._attempt, done, total, left))
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
        """Delete the audio of a stopped attempt, which may have been stored already."""
        await asyncio.wait({speaking})
        if not speaking.cancelled() and speaking.exception() is None:
            await self._discard(speaking.result().object_keys)

    async def _discard(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(EchoError):
                await self._studio.objects.delete(key)


class _Outage(Exception):
    """The database did not respond; the lease may still be held."""
