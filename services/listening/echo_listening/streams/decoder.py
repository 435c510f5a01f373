"""Decoder of tracks for streams: one sandboxed process for each file, which waits while nobody reads."""

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from echo_common.audio_files.formats import sniff
from echo_common.child_environment import isolated_command, scrubbed_environment
from echo_common.errors import UnsupportedMediaError
from echo_common.shielded import shielded
from echo_listening.streams.samples import CHANNELS, Samples

_PROCESS: Final = "echo_listening.streams"
_MEMORY: Final = 1024**3
"""Address space of a process, in bytes."""
_PROCESSOR_SECONDS: Final = 600
_STALLED_SECONDS: Final = 60.0
"""A process that writes nothing for so long is ended; the part before an offset takes further time."""
_SLOWEST: Final = 20
"""Seconds of audio that are decoded in a second, at least."""

_SAMPLE_BYTES: Final = 4 * CHANNELS
_BLOCK_BYTES: Final = 64 * 1024
"""Bytes that are read at once; up to three times as many wait between the processes."""


class TrackUnreadableError(Exception):
    """The rest of a file cannot be decoded: it is damaged, or no audio."""


class TrackDecoder(Protocol):
    """Decoder of untrusted files."""

    def decode(self, path: Path, offset: float = 0.0) -> AsyncGenerator[Samples, None]:
        """Yield the samples of a file from `offset` seconds on, as they are decoded, in bounded memory.

        Closing the generator ends the decoding at once. Raises `TrackUnreadableError`, also after samples.
        """


class SandboxedTrackDecoder(TrackDecoder):
    """Decoder that starts a process for each file, with limits of address space and processor time, without a network."""

    async def decode(self, path: Path, offset: float = 0.0) -> AsyncGenerator[Samples, None]:
        """Yield the samples of a file; see `TrackDecoder`."""
        try:
            container = await asyncio.to_thread(sniff, path)
        except UnsupportedMediaError as error:
            raise TrackUnreadableError from error
        process = await _start(container.demuxer, path, offset)
        try:
            async for block in _blocks(process, _STALLED_SECONDS + offset / _SLOWEST):
                yield block
            if await process.wait():
                raise TrackUnreadableError
        finally:
            await shielded(_end(process))


async def _start(demuxer: str, path: Path, offset: float) -> Process:
    arguments = (_PROCESS, demuxer, path, offset, _MEMORY, _PROCESSOR_SECONDS)
    return await asyncio.create_subprocess_exec(
        *await asyncio.to_thread(isolated_command, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=scrubbed_environment(threads=1),
        limit=_BLOCK_BYTES,
        start_new_session=True,  # Ctrl-C in a terminal is for the parent
    )


async def _blocks(process: Process, stalled_seconds: float) -> AsyncGenerator[Samples, None]:
    assert process.stdout is not None  # noqa: S101 - piped
    rest = b""
    while True:
        try:
            async with asyncio.timeout(stalled_seconds):
                found = await process.stdout.read(_BLOCK_BYTES)
        except TimeoutError as error:
            raise TrackUnreadableError from error
        if not found:
            return
        data = rest + found
        whole = len(data) - len(data) % _SAMPLE_BYTES
        rest = data[whole:]
        if whole:
            samples = np.frombuffer(data[:whole], np.float32).reshape(-1, CHANNELS).T
            yield np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)  # an attacker may have written them


async def _end(process: Process) -> None:
    assert process.stdout is not None  # noqa: S101 - piped
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    while await process.stdout.read(_BLOCK_BYTES):  # its transport closes only once the pipe is known to have ended
        pass
    await process.wait()
