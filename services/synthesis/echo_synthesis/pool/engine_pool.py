"""Engines in child processes: a crash, a hang or a flood of requests affects single requests, never the service."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog
from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from echo_common.background_tasks import BackgroundTasks
from echo_common.contracts.errors.synthesis import EngineFailedError, EngineUnavailableError, TooManyQueuedError
from echo_common.errors import EchoError
from echo_common.processors import usable_processors
from echo_common.tracing import recording_span
from echo_synthesis.engine import EngineConfig, EngineSpec, Speech, Utterance
from echo_synthesis.pool.engine_worker import EngineWorker, WorkerLimits, tracer
from echo_synthesis.pool.fair_queue import FairQueue, Turn
from echo_synthesis.speech_check import ImplausibleSpeechError

State = Literal["stopped", "starting", "ready", "unavailable"]

_QUIET_SECONDS = 1.0
"""Seconds without a request before each step of a preparation, which must not delay the next request of a stream."""

_MOST_FAILED_PREPARATIONS = 3
"""Failed preparations in a row after which an engine is used unprepared: each ends a process, which then loads again."""

_REPLACEMENT_PAUSE_SECONDS = 30.0
"""Minimum seconds between two restarts of a process because of its output, so that a text cannot keep an engine restarting."""


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """Health of an engine. `problem` is the reason why it is unavailable; `restarts` counts replaced processes.

    `workers_busy` counts those of `workers_alive` that synthesise at least one utterance, or prepare for utterances;
    `workers_prepared` those that have prepared everything.
    """

    state: State
    workers_alive: int
    workers_busy: int
    workers_prepared: int
    queued: int
    restarts: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Configuration of the pool: model folder, size and queue limits.

    `max_queued` limits the waiting utterances of an engine, `max_queued_of_user` those of one user. `threads` is per worker;
    `workers_of` and `threads_of` override both by engine name. A remote engine gets one worker unless `workers_of` names it.
    """

    models: Path
    workers: int = field(default_factory=lambda: default_shape()[0])
    threads: int = field(default_factory=lambda: default_shape()[1])
    max_queued: int = 2_000
    max_queued_of_user: int = 500
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    workers_of: Mapping[str, int] = field(default_factory=dict)
    threads_of: Mapping[str, int] = field(default_factory=dict)
    recogniser: Path | None = None


def default_shape() -> tuple[int, int]:
    """Return the workers per engine and the threads per worker, by the processors this process may use.

    Two threads speed up a single sentence, two workers synthesise sentences in parallel; on two processors, both together cost
    10 to 25 % of the throughput with one thread each (measured, see the service's README).
    """
    processors = usable_processors()
    return max(min(processors, 2), processors // 2), min(processors, 2)


_RETRY_SECONDS = 5

Spoken = Callable[[str, Speech], None]
Failed = Callable[[str, EchoError], None]


class EnginePool:
    """Worker groups of all engines in `specs`, each in processes of its own. Use it on one event loop, which it never blocks.

    `spoken` is called with every speech of an engine, also if its request was cancelled; `failed` with every error of one.
    """

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        config: PoolConfig,
        spoken: Spoken = lambda _engine, _speech: None,
        failed: Failed = lambda _engine, _error: None,
    ) -> None:
        self.specs = specs
        self._groups = {name: _WorkerGroup(spec, config, spoken, failed) for name, spec in specs.items()}

    async def start(self, *engines: str) -> None:
        """Start all workers of these engines now; otherwise each starts on demand. `health` reports problems.

        The first worker of each engine starts first, in the order given, so that one is ready soon.
        """
        for engine in engines:
            await self._group(engine).start(1)
        # when cancelled, gather waits until all of them have ended what they began
        await asyncio.gather(*(self._group(engine).start() for engine in engines), return_exceptions=True)

    async def speak(self, engine: str, utterance: Utterance, *, turn: Turn = ()) -> Speech:
        """Synthesise `utterance` when its turn comes.

        The queue is fair between users and between the jobs of a user; requests with the same `turn` are served in order.
        Without one, a request is a turn of its own. Cancelling drops a waiting request; a running one completes in the
        background and its result is discarded.

        Raises `TooManyQueuedError` (this user's share of the queue is full), `EngineUnavailableError` (not installed, not
        starting, queue full), `EngineCrashedError`, `EngineTimeoutError`, `EngineFailedError`, `VoiceNotFoundError`.
        """
        return await self._group(engine).speak(utterance, turn)

    def workers(self, engine: str) -> int:
        """Return the number of utterances that this engine synthesises concurrently."""
        return self._group(engine).size

    def health(self) -> Mapping[str, EngineHealth]:
        """Return each engine's current state, without waiting."""
        return {name: group.health() for name, group in self._groups.items()}

    async def close(self) -> None:
        """End all processes, within 5 seconds. Waiting and running requests fail with `EngineUnavailableError`."""
        await asyncio.gather(*(group.close() for group in self._groups.values()))

    def _group(self, engine: str) -> "_WorkerGroup":
        try:
            return self._groups[engine]
        except KeyError:
            raise EngineUnavailableError(f"There is no speech engine {engine}.") from None


@dataclass(slots=True, eq=False)
class _Request:
    utterance: Utterance
    turn: Turn
    speech: "asyncio.Future[Speech]"
    trace: Context


class _WorkerGroup:
    """One engine's workers and its queue."""

    def __init__(self, spec: EngineSpec, config: PoolConfig, spoken: Spoken, failed: Failed) -> None:
        self._name = spec.name
        self._spoken = spoken
        self._failed = failed
        self._max_queued = config.max_queued
        self._max_queued_of_user = config.max_queued_of_user
        engine_config = EngineConfig(config.models, config.threads_of.get(spec.name, config.threads), config.recogniser)
        count = config.workers_of.get(spec.name, 1 if spec.remote else config.workers)
        self._workers = [EngineWorker(spec, engine_config, config.limits) for _ in range(count)]
        # a stack: the most recently used worker is next, so that few requests wake few processes;
        # a worker with several concurrent slots is in it once for each
        self._concurrency = spec.concurrency
        self._idle = self._workers * spec.concurrency
        self.size = count * spec.concurrency
        self._queue = FairQueue[_Request]()
        self._serving = BackgroundTasks()
        self._closed = False
        self._quiet: asyncio.TimerHandle | None = None
        self._failed_preparations = 0
        self._shared = spec.remote or spec.concurrency > 1
        self._replaced_at = float("-inf")
        self._log = structlog.get_logger("echo.engine_pool")

    async def start(self, count: int | None = None) -> None:
        workers = self._workers[:count]
        idle = [worker for worker in self._idle if worker in workers]
        self._idle = [worker for worker in self._idle if worker not in workers]
        try:
            await asyncio.gather(*(worker.start() for worker in workers), return_exceptions=True)
        finally:
            self._idle += idle
            self._dispatch()

    async def speak(self, utterance: Utterance, turn: Turn) -> Speech:
        if self._closed:
            raise EngineUnavailableError("The speech engines are shutting down.")
        speech: asyncio.Future[Speech] = asyncio.get_running_loop().create_future()
        request = _Request(utterance, turn or (speech,), speech, context.get_current())
        user = request.turn[0]
        if self._queue.waiting_of(user) >= self._max_queued_of_user:
            raise TooManyQueuedError(retry_after=_RETRY_SECONDS)
        if not self._queue.has_room(user, self._max_queued):
            raise EngineUnavailableError(f"The queue of the speech engine {self._name} is full.", retry_after=_RETRY_SECONDS)
        self._queue.put(request, request.turn)
        self._dispatch()
        try:
            return await speech
        finally:
            self._queue.drop(request, request.turn)

    def health(self) -> EngineHealth:
        alive = [worker for worker in self._workers if worker.ready]
        idle = Counter(self._idle)
        problem = next((worker.problem for worker in self._workers if worker.problem), None)
        starting = any(worker.starting for worker in self._workers)
        return EngineHealth(
            state="ready" if alive else "starting" if starting else "unavailable" if problem else "stopped",
            workers_alive=len(alive),
            workers_busy=sum(idle[worker] < self._concurrency for worker in alive),
            workers_prepared=sum(worker.prepared for worker in alive),
            queued=len(self._queue),
            restarts=sum(worker.restarts for worker in self._workers),
            problem=problem,
        )

    async def close(self) -> None:
        self._closed = True
        self._cancel_preparation()
        while self._queue:
            _settle(self._queue.pop(), EngineUnavailableError("The speech engines are shutting down."))
        await self._serving.close()
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def _dispatch(self) -> None:
        self._cancel_preparation()
        while self._idle and self._queue and not self._closed:
            self._serving.start(self._serve(self._idle.pop(), self._queue.pop()))
        if self._may_prepare() and any(worker.must_prepare for worker in self._workers):
            self._quiet = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._start_preparation)

    def _may_prepare(self) -> bool:
        return not self._closed and len(self._idle) == self.size and self._failed_preparations < _MOST_FAILED_PREPARATIONS

    def _cancel_preparation(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _start_preparation(self) -> None:
        """Let one worker make one step, while no worker of this engine has a request: they share the processors."""
        self._quiet = None
        worker = next((worker for worker in reversed(self._idle) if worker.must_prepare), None)
        if worker is not None:
            self._idle.remove(worker)
            self._serving.start(self._prepare(worker))

    async def _prepare(self, worker: EngineWorker) -> None:
        try:
            await worker.prepare()
            if worker.prepared:
                self._failed_preparations = 0
        except EchoError as error:
            self._failed_preparations += 1
            self._log.warning("engine_preparation_failed", engine=self._name, error=error.message)
            await self._restart(worker)
        finally:
            self._idle.append(worker)
            self._dispatch()

    async def _restart(self, worker: EngineWorker) -> None:
        """Start an ended process now, so that the next request does not wait for it."""
        with contextlib.suppress(EchoError):
            await worker.start()

    async def _serve(self, worker: EngineWorker, request: _Request) -> None:
        held = [worker]
        attributes: dict[str, str | int] = {"echo.engine": self._name, "echo.characters": len(request.utterance.text)}
        try:
            # another request may have started this task
            with recording_span(tracer, f"speak {self._name}", request.trace, SpanKind.INTERNAL, attributes):
                speech = await self._speak_plausibly(request.utterance, held)
            self._spoken(self._name, speech)
            _settle(request, speech)
            await self._replace(held[:-1])
        except EchoError as error:
            self._failed(self._name, error)
            _settle(request, error)
            for ended in [worker for worker in held if worker.died]:
                await self._restart(ended)
        except asyncio.CancelledError:
            _settle(request, EngineUnavailableError("The speech engines are shutting down."))
            raise
        except Exception as error:  # a request that is never settled would wait for ever
            self._log.exception("engine_request_failed", engine=self._name)
            failure = EngineFailedError(details={"engine": self._name, "reason": type(error).__name__})
            failure.__cause__ = error
            self._failed(self._name, failure)
            _settle(request, failure)
        finally:
            self._queue.done(request.turn)
            self._idle += held
            self._dispatch()

    async def _speak_plausibly(self, utterance: Utterance, held: list[EngineWorker]) -> Speech:
        """Synthesise with the worker in `held`; after implausible output retry with another worker, then with a new process.

        Each time it is the next take; `Speech.takes` counts them. A new process checks its backend while it loads and replaces
        a wrong one. `held` collects the workers tried, the last one last. Raises `ImplausibleSpeechError` if none succeeds: the text is then the likely cause.
        """
        if (speech := await self._try(held[-1], utterance)) is not None:
            return speech
        if self._idle and not self._shared:
            held.append(self._idle.pop())
        again = len(held) > 1 or not self._may_replace()
        takes = 1
        if again:
            takes += 1
            if (speech := await self._try(held[-1], replace(utterance, take=utterance.take + 1))) is not None:
                return replace(speech, takes=takes)
        if self._may_replace():
            self._replaced_at = time.monotonic()
            await held[-1].close()
        speech = await held[-1].speak(replace(utterance, take=utterance.take + takes))
        return replace(speech, takes=takes + 1)

    async def _try(self, worker: EngineWorker, utterance: Utterance) -> Speech | None:
        """Return the speech; None for implausible output."""
        try:
            return await worker.speak(utterance)
        except ImplausibleSpeechError as error:
            self._log.warning("engine_output_rejected", engine=self._name, error=error.message)
            return None

    def _may_replace(self) -> bool:
        return not self._shared and time.monotonic() - self._replaced_at >= _REPLACEMENT_PAUSE_SECONDS

    async def _replace(self, workers: Sequence[EngineWorker]) -> None:
        """Restart workers that failed on an utterance which another worker synthesised."""
        for worker in workers:
            self._log.warning("engine_worker_replaced", engine=self._name)
            await worker.close()
            await worker.start()


def _settle(request: _Request, outcome: Speech | Exception) -> None:
    if request.speech.done():
        return
    if isinstance(outcome, Speech):
        request.speech.set_result(outcome)
    else:
        request.speech.set_exception(outcome)
