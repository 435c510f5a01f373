"""Work on what strangers sent: in a process of its own, fenced by the operating system, because the file may be made to do harm."""

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Any, BinaryIO, TypeVar

from echo_common.isolation import isolated_command, scrubbed_environment
from echo_common.uninterrupted import uninterrupted

T = TypeVar("T")

_LONGEST_ANSWER = 1 << 20
_LONGEST_LINE = 8 << 20
_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 32


async def fenced(module: str, *arguments: object, seconds: float) -> dict[str, Any] | None:
    """What `python -m module arguments…` answers: a JSON object, the first line of its output.

    None when it died, said nothing, or took longer than `seconds`. It sees none of this process's settings, and no network
    where the platform allows that.
    """
    process = await asyncio.create_subprocess_exec(
        *await asyncio.to_thread(isolated_command, module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=scrubbed_environment(threads=1),
        limit=_LONGEST_ANSWER,
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
    answer: dict[str, Any] = json.loads(line)
    return answer


class ProcessLostError(Exception):
    """A fenced process died over a request, or took too long and was ended."""


class _ProcessDiedError(ProcessLostError):
    """A fenced process died over a request, or before it."""


class ProcessUnavailableError(Exception):
    """A fenced process does not start."""


class FencedWorkers:
    """Up to `most` processes `python -m module arguments…` that are kept from request to request; each serves one at a time.

    A process says that it is ready with a line. It gets a request as a line of JSON and answers with any number of lines of JSON
    and an empty one. It starts when first needed; one that is lost or given up is replaced. It sees none of this process's settings,
    and no network where the platform allows that.
    """

    def __init__(self, module: str, *arguments: object, most: int) -> None:
        self._command = partial(isolated_command, module, *arguments)
        self._places = asyncio.Semaphore(most)
        self._idle: list[Process] = []

    async def ask(self, request: object, read: Callable[[bytes], T], *, seconds: float) -> list[T]:
        """Return the lines of the answer, as `read` takes them. A cancelled request ends the process that serves it.

        A request ends two processes at most: a kept one that dies may have died before the request, so another is started once.

        Raises `ProcessLostError`, `ProcessUnavailableError`.
        """
        line = json.dumps(request).encode() + b"\n"
        async with self._places:
            while self._idle:
                process = self._idle.pop()
                if process.returncode is not None:
                    await uninterrupted(_end(process))  # closes its pipes
                    continue
                try:
                    return await self._serve(process, line, read, seconds)
                except _ProcessDiedError:
                    break
            return await self._serve(await self._start(), line, read, seconds)

    async def close(self) -> None:
        """End the processes that serve nothing."""
        while self._idle:
            await _end(self._idle.pop())

    async def _serve(self, process: Process, line: bytes, read: Callable[[bytes], T], seconds: float) -> list[T]:
        assert process.stdin is not None  # noqa: S101 - piped
        assert process.stdout is not None  # noqa: S101 - piped
        answer: list[T] = []
        done = False
        try:
            async with asyncio.timeout(seconds):
                if process.stdin.is_closing():  # writing would be a RuntimeError of uvloop
                    raise ConnectionResetError
                process.stdin.write(line)
                await process.stdin.drain()
                while (found := await process.stdout.readline()) != b"\n":
                    if not found:
                        raise ConnectionResetError
                    answer.append(read(found))
                    await asyncio.sleep(0)  # a line that is there already is read without a pause
            done = True
        except ConnectionError as error:
            raise _ProcessDiedError from error
        except (TimeoutError, ValueError) as error:
            raise ProcessLostError from error
        finally:
            if done:
                self._idle.append(process)
            else:
                await uninterrupted(_end(process))
        return answer

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
                await uninterrupted(_end(process))
        if not ready:
            raise ProcessUnavailableError
        return process


async def _end(process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - piped
    assert process.stdout is not None  # noqa: S101 - piped
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    # its transport is closed only when both pipes are seen to have ended
    process.stdin.close()
    with contextlib.suppress(ConnectionError):
        await process.stdin.wait_closed()
    while await process.stdout.read(_LONGEST_LINE):
        pass
    await process.wait()


def fence(*, memory: int, seconds: float | None, written: int) -> None:
    """Bound this process for good: bytes of address space, seconds of processor time, bytes of any file it writes.

    With `seconds` None it is for `bound_processor_time` to bound the time of each request.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_processor_time(seconds: float) -> None:
    """End this process when it takes more processor time from now on, in seconds, even if its parent is gone by then."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(used.ru_utime + used.ru_stime + seconds), hard))


def claim_stdout() -> BinaryIO:
    """Keep stdout for answers: what libraries print goes to stderr, from C too."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


def die_with_parent() -> None:
    """End this process as soon as its parent has ended, where the system can do that."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
