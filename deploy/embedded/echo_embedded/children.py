"""Supervision of child processes: restarts them, and ends them with their parent."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from echo_common.backoff import Backoff
from echo_embedded.data_folder import CannotStartError

REFUSED = 2
"""Exit code of a process that its settings or its environment prevent from running."""
_BACKOFF = Backoff(0.2, 10.0)
_SHORT_LIFE = 10.0
_SHORT_LIVES = 4
_STOP_SECONDS = 25.0  # a worker releases its running jobs
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
log = structlog.get_logger("echo.children")


class Program(Protocol):
    """A restartable program."""

    @property
    def pid(self) -> int | None:
        """Process id while the process runs, else None."""

    async def launch(self) -> None:
        """Start the process. Raises `CannotStartError`."""

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code; negative for a signal."""

    async def stop(self) -> None:
        """Stop the process and wait for its end."""

    def failure_message(self) -> str:
        """Return the reason for the end, if the process gave one."""


@dataclass
class Command:
    """A program started by a command line; its output goes to `log`."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Process id while the process runs, else None."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def launch(self) -> None:
        """Start the process in its own session, so that Ctrl-C reaches only the parent, which stops its children in order."""
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code."""
        return 0 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Terminate the process; kill it after a timeout."""
        for ask in (signal.SIGTERM, signal.SIGKILL):
            if (process := self._process) is None:
                return
            with suppress(ProcessLookupError):
                process.send_signal(ask)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
                    return
            log.error("process_stop_timed_out", pid=process.pid)

    def failure_message(self) -> str:
        """Return the last line of the output."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


@dataclass
class Child:
    """A supervised program, restarted after growing pauses whenever its process ends.

    Before `mark_started`, the supervisor gives up if the program refuses to run or fails repeatedly; afterwards it never gives up.
    """

    name: str
    program: Program
    restarts: int = 0
    _started: bool = False
    _supervisor: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def pid(self) -> int | None:
        """Process id while the process runs, else None."""
        return self.program.pid

    def start(self) -> "asyncio.Task[None]":
        """Keep the program running until stopped. The task raises `CannotStartError` with `failure_message` if it gives up."""
        self._supervisor = asyncio.create_task(self._supervise(), name=self.name)
        return self._supervisor

    def mark_started(self) -> None:
        """Mark the program as able to run, so that the supervisor never gives up."""
        self._started = True

    async def stop(self) -> None:
        """Stop the program permanently."""
        self._stopping.set()
        if self._supervisor is None:
            return
        if self.pid is not None:
            await self.program.stop()
        await asyncio.wait({self._supervisor})

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        attempt = failures = 0
        while not self._stopping.is_set():
            born = clock()
            code, reason = await self._live()
            if self._stopping.is_set():
                return
            if clock() - born >= _SHORT_LIFE:
                attempt = failures = 0
            # A signal is not the program's failure; an exit soon after the start is likely to repeat forever.
            failures = failures + 1 if code > 0 else 0
            if not self._started and (code == REFUSED or failures == _SHORT_LIVES):
                raise CannotStartError(reason or f"{self.name} does not start.")
            attempt += 1
            pause = _BACKOFF.delay(attempt)
            log.warning("process_ended", process=self.name, exit_code=code, reason=reason, pause_seconds=round(pause, 2))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            self.restarts += 1

    async def _live(self) -> tuple[int, str]:
        """Run the process to its end; return its exit code and the reason of a failure."""
        try:
            await self.program.launch()
        except (CannotStartError, OSError) as error:  # may be temporary, such as a full disk
            return REFUSED, str(error)
        if self._stopping.is_set():
            await self.program.stop()
        log.info("process_started", process=self.name, pid=self.pid, restarts=self.restarts)
        code = await self.program.ended()
        return code, self.program.failure_message() if code > 0 else ""


def end_with_parent() -> None:
    """Make the kernel send SIGTERM to this process when the thread that started it ends; for `preexec_fn`."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
