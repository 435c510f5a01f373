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

import structlog

from echo_embedded.datafolder import CannotStartError

REFUSED = 2
"""The exit code of a process that its settings or surroundings do not allow to run: starting it again is no use."""
_RESTART_SECONDS = 0.2
_SHORT_LIFE = 10.0
_SHORT_LIVES = 4
_STOP_SECONDS = 25.0  # a worker hands its running jobs over
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
log = structlog.get_logger("echo.children")


@dataclass
class Child:
    """A process that is started again when it dies, except when it refuses to run. Its output goes to `log`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _keeper: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    def start(self) -> "asyncio.Task[None]":
        """Keep it running until stopped.

        The task raises `CannotStartError` with its last words when it refuses to run, or fails time and again.
        """
        self._keeper = asyncio.create_task(self._keep(), name=self.name)
        return self._keeper

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while not self._stopping.is_set():
            born = clock()
            self._process = process = await self._spawn()
            if self._stopping.is_set():
                process.terminate()
            code = await process.wait()
            # A signal is somebody's doing; an exit soon after the start is likely to be repeated for ever.
            failures = failures + 1 if code > 0 and clock() - born < _SHORT_LIFE else 0
            if code == REFUSED or failures == _SHORT_LIVES:
                raise CannotStartError(self._last_words() or f"{self.name} does not start.")
            if not self._stopping.is_set():
                log.warning("started again", process=self.name, exit_code=code)
                await asyncio.sleep(_RESTART_SECONDS)

    async def stop(self) -> None:
        """Ask it to end, wait, and kill it when it does not."""
        self._stopping.set()
        if self._keeper is None:
            return
        for ask in (signal.SIGTERM, signal.SIGKILL):
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.send_signal(ask)
            if (await asyncio.wait({self._keeper}, timeout=_STOP_SECONDS))[0]:
                return
            log.error("does not stop", process=self.name)

    async def _spawn(self) -> asyncio.subprocess.Process:
        # A session of its own: Ctrl-C reaches the parent alone, which stops its children in order.
        with self.log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
