"""Sandbox for untrusted files: processing in child processes with limits set by the operating system."""

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from math import ceil
from typing import Any, BinaryIO, TypeVar

from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.shielded import shielded

T = TypeVar("T")

_LONGEST_RESPONSE = 1 << 20
_LONGEST_LINE = 8 << 20
_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 32


async def run_sandboxed(module: str, *arguments: object, seconds: float) -> dict[str, Any] | None:
    """Run `python -m module arguments…` in a sandbox; return the JSON object in the first line of its output.

    Returns None when the process crashed, wrote nothing, or took longer than `seconds`. It has no access to this process's
    settings, and none to the network where the platform allows that.
    """
    process = await asyncio.create_subprocess_exec(
        *await asyncio.to_thread(isolated_command, module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=scrubbed_environment(threads=1),
        limit=_LONGEST_RESPONSE,
    )
    try:
        async with asyncio.timeout(seconds):
            assert process.stdout is not None  # noqa: S101 - piped
            line = await process.stdout.readline()
            code = await process.wait()
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code != 0 or not line:
        return None
    response: dict[str, Any] = json.loads(line)
    return response


class ProcessLostError(Exception):
    """A sandboxed process crashed while it served a request, or was killed because it took too long."""


class _ProcessDiedError(ProcessLostError):
    """A sandboxed process crashed while it served a request, or before."""


class ProcessUnavailableError(Exception):
    """A sandboxed process does not start."""


class SandboxPool:
    """Pool of up to `most` sandboxed processes `python -m module arguments…`; each serves one request at a time.

    A process writes a line when it is ready. It reads a request as a line of JSON and writes any number of lines of JSON and an
    empty one. It is started on demand; a lost or killed process is replaced. It has no access to this process's settings, and
    none to the network where the platform allows that.
    """

    def __init__(self, module: str, *arguments: object, most: int) -> None:
        self._command = partial(isolated_command, module, *arguments)
        self._places = asyncio.Semaphore(most)
        self._idle: list[Process] = []

    async def ask(self, request: object, read: Callable[[bytes], T], *, seconds: float) -> list[T]:
        """Send a request; return the lines of the response, parsed by `read`. Cancellation kills the process that serves it.

        A request ends two processes at most: a reused one may have crashed before the request, so another is started once.

        Raises `ProcessLostError`, `ProcessUnavailableError`.
        """
        line = json.dumps(request).encode() + b"\n"
        async with self._places:
            while self._idle:
                process = self._idle.pop()
                if process.returncode is not None:
                    await shielded(_end(process))  # closes its pipes
                    continue
                try:
                    return await self._serve(process, line, read, seconds)
                except _ProcessDiedError:
                    break
            return await self._serve(await self._start(), line, read, seconds)

    @asynccontextmanager
    async def reserved(self) -> AsyncIterator["ReservedProcess"]:
        """Start a process for several requests of one user, between which it keeps its state; kill it with the context.

        Raises `ProcessUnavailableError`.
        """
        async with self._places:
            process = await self._start()
            try:
                yield ReservedProcess(process)
            finally:
                await shielded(_end(process))

    async def close(self) -> None:
        """Kill the idle processes."""
        while self._idle:
            await _end(self._idle.pop())

    async def _serve(self, process: Process, line: bytes, read: Callable[[bytes], T], seconds: float) -> list[T]:
        done = False
        try:
            response = await _exchange(process, line, read, seconds)
            done = True
        finally:
            if done:
                self._idle.append(process)
            else:
                await shielded(_end(process))
        return response

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *await asyncio.to_thread(self._command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=scrubbed_environment(threads=1),
            limit=_LONGEST_LINE,
            start_new_session=True,  # Ctrl-C in a terminal is for the parent
        )
        assert process.stdout is not None  # noqa: S101 - piped
        ready = b""
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await process.stdout.readline()
        except TimeoutError:
            pass
        finally:
            if not ready:
                await shielded(_end(process))
        if not ready:
            raise ProcessUnavailableError
        return process


class ReservedProcess:
    """A process of a `SandboxPool` that serves the requests of one user, one after the other."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def ask(self, request: object, read: Callable[[bytes], T], *, seconds: float) -> list[T]:
        """Send a request; return the lines of the response, parsed by `read`. Any failure ends the process.

        Raises `ProcessLostError`.
        """
        line = json.dumps(request).encode() + b"\n"
        async with self._turn:
            done = False
            try:
                response = await _exchange(self._process, line, read, seconds)
                done = True
            finally:
                if not done:  # the rest of its response would be read as that of the next request
                    with contextlib.suppress(ProcessLookupError):
                        self._process.kill()
        return response


async def _exchange(process: Process, line: bytes, read: Callable[[bytes], T], seconds: float) -> list[T]:
    """Send a request and return the lines of the response. Raises `ProcessLostError`."""
    assert process.stdin is not None  # noqa: S101 - piped
    assert process.stdout is not None  # noqa: S101 - piped
    response: list[T] = []
    try:
        async with asyncio.timeout(seconds):
            if process.stdin.is_closing():  # uvloop raises RuntimeError on a write
                raise ConnectionResetError
            process.stdin.write(line)
            await process.stdin.drain()
            while (found := await process.stdout.readline()) != b"\n":
                if not found:
                    raise ConnectionResetError
                response.append(read(found))
                await asyncio.sleep(0)  # readline does not yield when a line is buffered
    except ConnectionError as error:
        raise _ProcessDiedError from error
    except (TimeoutError, ValueError) as error:
        raise ProcessLostError from error
    return response


async def _end(process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - piped
    assert process.stdout is not None  # noqa: S101 - piped
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    # the transport closes only once both pipes are known to have ended
    process.stdin.close()
    with contextlib.suppress(ConnectionError):
        await process.stdin.wait_closed()
    while await process.stdout.read(_LONGEST_LINE):
        pass
    await process.wait()


def enter_sandbox(*, memory: int, seconds: float | None, written: int, niceness: int = 0) -> None:
    """Limit this process permanently: bytes of address space, seconds of processor time, bytes of each file it writes.

    If `seconds` is None, `bound_processor_time` limits the time of each request instead. `niceness` lowers the priority.
    """
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_processor_time(seconds: float) -> None:
    """Limit the further processor time of this process, in seconds; holds even after its parent has ended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(used.ru_utime + used.ru_stime + seconds), hard))


def claim_stdout() -> BinaryIO:
    """Return stdout for responses, and redirect the output of libraries, in C too, to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


def die_with_parent() -> None:
    """End this process as soon as its parent has ended, where the system supports that."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
