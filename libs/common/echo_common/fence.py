"""Work on what strangers sent: in a process of its own, fenced by the operating system, because the file may be made to do harm."""

import asyncio
import contextlib
import json
import resource
from typing import Any

from echo_common.isolation import isolated_command, scrubbed_environment

_LONGEST_ANSWER = 1 << 20
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


def fence(*, memory: int, seconds: float, written: int) -> None:
    """Bound this process for good: bytes of address space, seconds of processor time, bytes of any file it writes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
