"""Work on what strangers sent: in a process of its own, fenced by the operating system, because the file may be made to do harm."""

import asyncio
import contextlib
import json
import os
import resource
import sys
from typing import Any

_LONGEST_ANSWER = 1 << 20
_OPEN_FILES = 32


async def fenced(module: str, *arguments: object, seconds: float) -> dict[str, Any] | None:
    """What `python -m module arguments…` answers: a JSON object, the first line of its output.

    None when it died, said nothing, or took longer than `seconds`. It sees none of this process's settings.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
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


def fence(*, memory: int, seconds: float, written: int) -> None:
    """Bound this process for good: bytes of address space, seconds of processor time, bytes of any file it writes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _environment() -> dict[str, str]:
    """No secrets of the service, and no library that starts a thread for every core."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "VIRTUAL_ENV")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {name: os.environ[name] for name in kept if name in os.environ} | threads | {"MALLOC_ARENA_MAX": "2"}
