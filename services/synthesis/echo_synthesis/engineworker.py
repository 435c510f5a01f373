"""One engine process, seen from the service."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from typing import Any

from echo_synthesis.engine import (
    EngineConfig,
    EngineCrashedError,
    EngineFailedError,
    EngineSpec,
    EngineTimeoutError,
    EngineUnavailableError,
    Speech,
    UnknownVoiceError,
    Utterance,
)
from echo_synthesis.engines.wire import PREFIX, pack, unpack_speech, utterance_to_header


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Times in seconds; how nice the process is to the event loop beside it.

    An utterance may take `speak_seconds` plus `seconds_a_character` for each of its characters.
    """

    load_seconds: float = 120.0
    speak_seconds: float = 30.0
    seconds_a_character: float = 0.25
    longest_backoff: float = 30.0
    niceness: int = 5


class EngineWorker:
    """Starts its process when first needed and again after it died. Serves one utterance at a time."""

    def __init__(self, spec: EngineSpec, config: EngineConfig, limits: WorkerLimits) -> None:
        self._spec = spec
        self._config = config
        self._limits = limits
        self._process: Process | None = None
        self._failed_starts = 0
        self._retry_at = 0.0
        self._starts = 0
        self.ready = False
        self.starting = False
        self.problem: str | None = None

    @property
    def restarts(self) -> int:
        """How many processes had to be replaced."""
        return max(0, self._starts - 1)

    @property
    def died(self) -> bool:
        """Whether there was a process and is none now."""
        return self._starts > 0 and not self.ready

    async def start(self) -> None:
        """Have a process that is ready to speak.

        Raises `EngineUnavailableError`; after a start that failed, again at once until a growing pause is over.
        """
        if self.ready:
            return
        now = asyncio.get_running_loop().time()
        if now < self._retry_at:
            raise EngineUnavailableError(self.problem, retry_after=max(1, round(self._retry_at - now)))
        self.starting = True
        try:
            await self._start()
        except EngineUnavailableError as error:
            self._failed_starts += 1
            pause = min(2.0 ** (self._failed_starts - 1), self._limits.longest_backoff)
            self._retry_at = asyncio.get_running_loop().time() + pause
            self.problem = error.message
            await self.close()
            raise
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self.starting = False
        self._failed_starts = 0
        self.problem = None
        self.ready = True

    async def speak(self, utterance: Utterance) -> Speech:
        """See `EnginePool.speak`; a caller that is cancelled ends the process."""
        await self.start()
        seconds = self._limits.speak_seconds + len(utterance.text) * self._limits.seconds_a_character
        try:
            async with asyncio.timeout(seconds):
                await self._write(pack(utterance_to_header(utterance)))
                header, payload = await self._read()
        except TimeoutError:
            await self.close()
            raise EngineTimeoutError(details={"engine": self._spec.name, "seconds": seconds}) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self.close()
            raise EngineCrashedError(details={"engine": self._spec.name, "exit_code": code}) from None
        except asyncio.CancelledError:
            await self.close()
            raise
        if header.get("error") == "voice":
            raise UnknownVoiceError(header["message"])
        if "error" in header:
            raise EngineFailedError(details={"engine": self._spec.name, "reason": header["message"]})
        return unpack_speech(header, payload)

    async def close(self) -> int | None:
        """End the process, if there is one; its exit code."""
        self.ready = False
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        return await process.wait()

    async def _start(self) -> None:
        missing = await asyncio.to_thread(self._spec.missing, self._config)
        if missing:
            raise EngineUnavailableError(f"The speech engine {self._spec.name} lacks {', '.join(missing)}.", retry_after=30)
        self._starts += 1
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "echo_synthesis.engines", self._spec.name),
            *("--models", str(self._config.models), "--threads", str(self._config.threads)),
            *("--nice", str(self._limits.niceness)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=None,
            env={**os.environ, **_threads_environment(self._config.threads)},
            limit=1 << 20,
        )
        try:
            async with asyncio.timeout(self._limits.load_seconds):
                header, _ = await self._read()
        except TimeoutError:
            raise EngineUnavailableError(f"The speech engine {self._spec.name} takes too long to start.") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise EngineUnavailableError(f"The speech engine {self._spec.name} died while it started.") from None
        if "error" in header:
            raise EngineUnavailableError(f"The speech engine {self._spec.name} does not start: {header['message']}")

    async def _write(self, frame: bytes) -> None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(frame)
        await self._process.stdin.drain()

    async def _read(self) -> tuple[dict[str, Any], bytes]:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        stdout = self._process.stdout
        header_length, payload_length = PREFIX.unpack(await stdout.readexactly(PREFIX.size))
        header = json.loads(await stdout.readexactly(header_length))
        return header, await stdout.readexactly(payload_length)


def _threads_environment(threads: int) -> dict[str, str]:
    """Number libraries that ask the environment, and an allocator that does not keep a heap for every thread that ever was."""
    count = str(threads)
    return {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count, "MALLOC_ARENA_MAX": "2"}
