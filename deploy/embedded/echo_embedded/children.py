"""Child processes that are kept running, and that never outlive their parent."""

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
from echo_embedded.datafolder import CannotStartError

REFUSED = 2
"""The exit code of a process that its settings or surroundings do not allow to run."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SHORT_LIFE = 10.0
_SHORT_LIVES = 4
_STOP_SECONDS = 25.0  # a worker hands its running jobs over
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
log = structlog.get_logger("echo.children")


class Program(Protocol):
    """A program that can be started again when its process has ended."""

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""

    async def launch(self) -> None:
        """Start the process. Raises `CannotStartError`."""

    async def ended(self) -> int:
        """Return the exit code once the process has ended; negative for a signal."""

    async def stop(self) -> None:
        """End the process, and wait for that."""

    def last_words(self) -> str:
        """Return why it ended, as far as it said so."""


@dataclass
class Command:
    """A program that a command line starts. Its output goes to `log`."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def launch(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the parent alone, which stops its children in order."""
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
        """Return the exit code once the process has ended."""
        return 0 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to end, wait, and kill it when it does not."""
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

    def last_words(self) -> str:
        """Return the last line of its output."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


@dataclass
class Child:
    """A program that is started again whenever its process ends, after growing pauses.

    Until `settle` it is given up when it refuses to run or fails time and again; afterwards never.
    """

    name: str
    program: Program
    restarts: int = 0
    _settled: bool = False
    _keeper: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self.program.pid

    def start(self) -> "asyncio.Task[None]":
        """Keep it running until stopped. The task raises `CannotStartError` with its last words when it is given up."""
        self._keeper = asyncio.create_task(self._keep(), name=self.name)
        return self._keeper

    def settle(self) -> None:
        """Take it as one that can run: never give it up."""
        self._settled = True

    async def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        if self._keeper is None:
            return
        if self.pid is not None:
            await self.program.stop()
        await asyncio.wait({self._keeper})

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        backoff, failures = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE), 0
        while not self._stopping.is_set():
            born = clock()
            code, reason = await self._live()
            if self._stopping.is_set():
                return
            if clock() - born >= _SHORT_LIFE:
                backoff.reset()
                failures = 0
            # A signal is no failure of its own; an exit soon after the start is likely to be repeated for ever.
            failures = failures + 1 if code > 0 else 0
            if not self._settled and (code == REFUSED or failures == _SHORT_LIVES):
                raise CannotStartError(reason or f"{self.name} does not start.")
            pause = backoff.pause()
            log.warning("process_ended", process=self.name, exit_code=code, reason=reason, pause_seconds=round(pause, 2))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            self.restarts += 1

    async def _live(self) -> tuple[int, str]:
        """Run the process to its end; its exit code, and the reason of a failure."""
        try:
            await self.program.launch()
        except (CannotStartError, OSError) as error:  # a full disk, for example, may have space again
            return REFUSED, str(error)
        if self._stopping.is_set():
            await self.program.stop()
        log.info("process_started", process=self.name, pid=self.pid, restarts=self.restarts)
        code = await self.program.ended()
        return code, self.program.last_words() if code > 0 else ""


def end_with_parent() -> None:
    """Have the operating system ask this process to end when the thread that started it does: for `preexec_fn`."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
