"""Engine workers: the service's side of an engine's child process."""

import asyncio
import contextlib
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry import trace

from echo_common.background_tasks import report_failure
from echo_common.backoff import Backoff
from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.contracts.errors.synthesis import (
    EngineCrashedError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnavailableError,
    ProviderFailedError,
    VoiceNotFoundError,
)
from echo_synthesis.engine import EngineConfig, EngineSpec, Speech, Utterance
from echo_synthesis.engines.wire import PREFIX, Header, pack, unpack_speech, utterance_to_header
from echo_synthesis.speech_check import check_speech, require_readable

tracer = trace.get_tracer("echo.engine")

_Response = tuple[Header, bytes]


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Time limits in seconds; `niceness` of the process, so that it does not starve the event loop.

    An utterance may take `speak_seconds`, plus `seconds_a_character` for each of its characters, plus its engine's patience.
    """

    load_seconds: float = 120.0
    speak_seconds: float = 30.0
    seconds_a_character: float = 0.25
    longest_backoff: float = 30.0
    niceness: int = 5


class EngineWorker:
    """Child process of an engine, started on demand and after a crash. Serves `EngineSpec.concurrency` utterances at once."""

    def __init__(self, spec: EngineSpec, config: EngineConfig, limits: WorkerLimits) -> None:
        self._spec = spec
        self._config = config
        self._limits = limits
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, asyncio.Future[_Response]] = {}
        self._failed_starts = 0
        self._retry_at = 0.0
        self._lasting = False
        self._starts = 0
        self._log = structlog.get_logger("echo.engine")
        self.ready = False
        self.starting = False
        self.prepared = False
        self.problem: str | None = None

    @property
    def restarts(self) -> int:
        """Number of processes that had to be replaced."""
        return max(0, self._starts - 1)

    @property
    def died(self) -> bool:
        """True if a process was started and is not running now."""
        return self._starts > 0 and not self.ready

    @property
    def must_prepare(self) -> bool:
        """True if the process is ready and its engine may have steps of preparation left."""
        return self.ready and not self.prepared

    async def start(self) -> None:
        """Start the process, if it is not ready.

        Raises `EngineUnavailableError`; after a failed start, immediately until an exponential backoff has passed.
        """
        async with self._starting:
            if not self.ready:
                if self._process is not None:  # it has ended since its last request
                    await self.close()
                await self._try_to_start()

    async def _try_to_start(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._retry_at:
            rest = None if self._lasting else max(1, round(self._retry_at - now))
            raise EngineUnavailableError(self.problem, retry_after=rest)
        self.starting = True
        try:
            await self._start()
        except EngineUnavailableError as error:
            self._failed_starts += 1
            backoff = Backoff(1.0, self._limits.longest_backoff, jitter=(1, 1))
            self._retry_at = asyncio.get_running_loop().time() + backoff.delay(self._failed_starts)
            self.problem, self._lasting = error.message, error.retry_after is None
            await self.close()
            raise
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self.starting = False
        self._failed_starts = 0
        self.problem = None
        self.prepared = False
        self.ready = True
        self._listening = asyncio.create_task(self._listen())

    async def speak(self, utterance: Utterance) -> Speech:
        """Synthesise an utterance; see `EnginePool.speak`. A cancelled call ends the process, unless it serves others too.

        All speech of all engines enters the service here and is checked: raises `ImplausibleSpeechError`.
        """
        await self.start()
        limits, characters = self._limits, len(utterance.text)
        seconds = limits.speak_seconds + characters * limits.seconds_a_character + self._spec.patience
        header, payload = await self._exchange(utterance_to_header(utterance), seconds)
        _raise_error(header, self._spec.name)
        with require_readable(self._spec):
            speech = unpack_speech(header, payload)
            started_ns, ended_ns = header["synthesis_ns"]
        # a span of the process, recorded here with its times; its parent is the current span
        span = tracer.start_span(f"synthesize {self._spec.name}", start_time=started_ns, attributes=self._attributes)
        span.end(end_time=ended_ns)
        check_speech(self._spec, utterance, speech)
        return speech

    async def prepare(self) -> None:
        """Make one step of the engine's preparation, if its process is ready; `prepared` says whether it was the last.

        See `PreparingEngine`. Raises `EngineTimeoutError`, `EngineCrashedError`.
        """
        if self.ready:
            header, _ = await self._exchange({"prepare": True}, self._limits.speak_seconds)
            self.prepared = not header["more"]

    async def _exchange(self, request: Header, seconds: float) -> _Response:
        """Send a request to the process and return its response; a request that fails ends the process."""
        number = next(self._numbers)
        response: asyncio.Future[_Response] = asyncio.get_running_loop().create_future()
        self._pending[number] = response
        try:
            async with asyncio.timeout(seconds):
                await self._write(pack({**request, "number": number}))
                return await response
        except TimeoutError:
            await self.close()
            raise EngineTimeoutError(details={"engine": self._spec.name, "seconds": seconds}) from None
        except ConnectionError:
            response.cancel()
            code = await self.close()
            raise EngineCrashedError(details={"engine": self._spec.name, "exit_code": code}) from None
        except asyncio.CancelledError:
            if self._pending.keys() == {number}:
                await self.close()
            raise
        finally:
            self._pending.pop(number, None)

    @property
    def _attributes(self) -> Mapping[str, str | int]:
        return {"echo.engine": self._spec.name, "process.pid": self._process.pid if self._process else 0}

    async def close(self) -> int | None:
        """End the process, if there is one; return its exit code."""
        self.ready = False
        process, self._process = self._process, None
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        self._fail_asked()
        if process is None:
            return None
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # asyncio closes the transport only after both pipes have reported their end
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
        await process.stdout.read()
        return await process.wait()

    async def _start(self) -> None:
        missing = await asyncio.to_thread(self._spec.missing, self._config)
        if missing:
            lacks = f"The speech engine {self._spec.name} lacks {', '.join(missing)}; {self._spec.remedy}."
            raise EngineUnavailableError(lacks, retry_after=None if self._spec.remote else 30)
        self._starts += 1
        try:
            self._process = await self._spawn()
        except OSError as error:  # out of memory, processes or file descriptors
            raise EngineUnavailableError(
                f"The process of the speech engine {self._spec.name} cannot be started: {error}. Try again later.",
                retry_after=5,
            ) from error
        try:
            async with asyncio.timeout(self._limits.load_seconds):
                header, _ = await self._read()
        except TimeoutError:
            raise EngineUnavailableError(f"The speech engine {self._spec.name} takes too long to start.") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise EngineUnavailableError(f"The speech engine {self._spec.name} crashed while it started.") from None
        for warning in header.get("warnings", ()):
            self._log.warning(warning["event"], engine=self._spec.name, **warning["fields"])
        if "error" in header:
            raise EngineUnavailableError(f"The speech engine {self._spec.name} does not start: {header['message']}")

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *await self._command(),
            *("--models", str(self._config.models), "--threads", str(self._config.threads)),
            *("--nice", str(self._limits.niceness)),
            *(("--recogniser", str(self._config.recogniser)) if self._config.recogniser else ()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=None,
            env=scrubbed_environment(
                threads=self._config.threads,
                settings=f"ECHO_SYNTHESIS_{self._spec.name.upper()}_",
                network=self._spec.remote,
            ),
            limit=1 << 20,
            start_new_session=True,  # Ctrl-C in a terminal must reach only the parent, even while this process still imports
        )

    async def _command(self) -> list[str]:
        """Return the command line; only a remote engine gets network access."""
        module = "echo_synthesis.engines"
        if self._spec.remote:
            return [sys.executable, "-m", module, self._spec.name]
        return await asyncio.to_thread(isolated_command, module, self._spec.name)

    async def _listen(self) -> None:
        """Pass each response to its request; when the process ends, fail all of them."""
        try:
            while True:
                header, payload = await self._read()
                pending = self._pending.get(header["number"])
                if pending is not None and not pending.done():
                    pending.set_result((header, payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:  # not a frame; without this task, requests would wait for their time limit
            report_failure(self._log, "engine_read", error)
        self.ready = self.ready and bool(self._pending)  # pending requests close it themselves, to report the cause
        self._fail_asked()

    def _fail_asked(self) -> None:
        for pending in self._pending.values():
            if not pending.done():
                pending.set_exception(ConnectionResetError())

    async def _write(self, frame: bytes) -> None:
        if self._process is None:
            raise ConnectionResetError
        assert self._process.stdin is not None  # noqa: S101
        if self._process.stdin.is_closing():  # uvloop would raise a RuntimeError
            raise ConnectionResetError
        self._process.stdin.write(frame)
        await self._process.stdin.drain()

    async def _read(self) -> tuple[dict[str, Any], bytes]:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        stdout = self._process.stdout
        header_length, payload_length = PREFIX.unpack(await stdout.readexactly(PREFIX.size))
        header = json.loads(await stdout.readexactly(header_length))
        return header, await stdout.readexactly(payload_length)


def _raise_error(header: Header, engine: str) -> None:
    match header.get("error"):
        case None:
            return
        case "voice":
            raise VoiceNotFoundError(header["message"])
        case "provider":
            raise ProviderFailedError(header["message"], retry_after=header["retry_after"])
        case "unavailable":
            raise EngineUnavailableError(header["message"], retry_after=header["retry_after"])
        case _:
            raise EngineFailedError(details={"engine": engine, "reason": header["message"]})
