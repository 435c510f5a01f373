"""The service's side of the process of a local language model."""

import asyncio
import contextlib
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.contracts.errors.chat import ChatModelUnavailableError

_LOAD_SECONDS = 300.0
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Options of the process: model file, threads, size of the context, and fields of every request."""

    file: Path
    threads: int
    context_tokens: int
    sampling: Mapping[str, float]


class ModelProcess:
    """Child process of a model: JSON lines in both directions. Started on demand, and again after it ended."""

    def __init__(self, options: ModelOptions) -> None:
        self._options = options
        self._process: Process | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None if no process runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and load the model, unless that is done. A cancelled call lets the model load for the next one.

        Raises `ChatModelUnavailableError`.
        """
        if self._process is not None and self._process.returncode is not None:  # it ended since the last reply
            await self.close()
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        starting = self._starting
        try:
            await asyncio.shield(starting)
        except Exception:
            if self._starting is starting:  # the next reply starts another process
                self._starting = None
            raise

    async def request(self, message: dict[str, Any]) -> None:
        """Send a message that begins a reply; start another process if this one has ended and that was not known yet.

        Raises `ChatModelUnavailableError`.
        """
        try:
            await self.write(message)
        except ChatModelUnavailableError:
            await self.close()
            await self.start()
            await self.write(message)

    async def write(self, message: dict[str, Any]) -> None:
        """Send a message. Raises `ChatModelUnavailableError` if the process has ended."""
        if self._process is None or self._process.stdin is None:
            raise _ended()
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise _ended() from None

    async def read(self) -> dict[str, Any]:
        """Return the next message. Raises `ChatModelUnavailableError` if the process has ended."""
        if self._process is None or self._process.stdout is None:
            raise _ended()
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _ended()
        message: dict[str, Any] = json.loads(line)
        return message

    async def close(self) -> None:
        """End the process, if there is one."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await self._kill()

    async def _start(self) -> None:
        options = {
            "file": str(self._options.file),
            "threads": self._options.threads,
            "context_tokens": self._options.context_tokens,
            "sampling": dict(self._options.sampling),
        }
        try:
            self._process = await asyncio.create_subprocess_exec(
                *await asyncio.to_thread(isolated_command, "echo_voice.chat_models.local", json.dumps(options)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # llama.cpp may log a part of the text
                env=scrubbed_environment(threads=self._options.threads),
                limit=_LONGEST_LINE,
                start_new_session=True,  # Ctrl-C in a terminal must reach only the parent
            )
            async with asyncio.timeout(_LOAD_SECONDS):
                message = await self.read()
        except (OSError, ChatModelUnavailableError):
            await self._kill()
            raise ChatModelUnavailableError(f"The language model {self._options.file.name} cannot be loaded.") from None
        except BaseException:
            await self._kill()
            raise
        if "error" in message:
            await self._kill()
            raise ChatModelUnavailableError(
                f"The language model {self._options.file.name} cannot be loaded: {message['error']}."
            )

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 - a pipe
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
        await process.wait()


def _ended() -> ChatModelUnavailableError:
    return ChatModelUnavailableError("The process of the language model ended; try again shortly.")
