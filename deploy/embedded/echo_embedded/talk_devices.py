"""The microphone and the loudspeaker of this machine, through PortAudio (`sounddevice`, an optional extra)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from echo_embedded.data_folder import CannotStartError
from echo_embedded.talk import INPUT_RATE, OUTPUT_RATE, Turns

_INPUT_BLOCK: Final = INPUT_RATE // 50
_MOST_WAITING: Final = 100


class DeviceMicrophone:
    """The default microphone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._recorded: asyncio.Queue[bytes] = asyncio.Queue()

    def record(self, data: Any, frames: int, time: Any, status: Any) -> None:
        """Take audio from PortAudio's thread; drop it while the connection is too slow."""
        if self._recorded.qsize() < _MOST_WAITING:
            self._loop.call_soon_threadsafe(self._recorded.put_nowait, bytes(data))

    async def messages(self, turns: Turns) -> AsyncIterator[bytes]:
        """Yield the recorded audio until Ctrl-C."""
        while True:
            yield await self._recorded.get()


class DeviceLoudspeaker:
    """The default loudspeaker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued = bytearray()
        self._played = 0

    def fill(self, data: Any, frames: int, time: Any, status: Any) -> None:
        """Hand audio to PortAudio's thread; silence where there is none."""
        with self._lock:
            part = bytes(self._queued[: len(data)])
            del self._queued[: len(data)]
            self._played += len(part)
        data[: len(part)] = part
        data[len(part) :] = bytes(len(data) - len(part))

    def begin(self) -> None:
        """Count the position from here."""
        with self._lock:
            self._played = -len(self._queued)

    def play(self, pcm: bytes) -> None:
        """Queue audio."""
        with self._lock:
            self._queued += pcm

    def flush(self) -> float:
        """Discard audio that was not played; return the seconds of the reply that were played."""
        with self._lock:
            self._queued.clear()
            return max(0, self._played) / 2 / OUTPUT_RATE

    async def finish(self) -> None:
        """Wait as long as the queue takes."""
        await asyncio.sleep(len(self._queued) / 2 / OUTPUT_RATE)


@contextmanager
def open_devices(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[DeviceMicrophone, DeviceLoudspeaker]]:
    """Open both devices while the context lasts. Raises `CannotStartError`."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: PortAudio is missing
        raise CannotStartError(
            "The microphone needs the package sounddevice and PortAudio: pip install 'echo-embedded[devices]'. "
            "Or name recordings with --input."
        ) from error
    microphone, loudspeaker = DeviceMicrophone(loop), DeviceLoudspeaker()
    common: dict[str, Any] = {"channels": 1, "dtype": "int16"}
    try:
        with (
            sounddevice.RawInputStream(samplerate=INPUT_RATE, blocksize=_INPUT_BLOCK, callback=microphone.record, **common),
            sounddevice.RawOutputStream(samplerate=OUTPUT_RATE, callback=loudspeaker.fill, **common),
        ):
            yield microphone, loudspeaker
    except sounddevice.PortAudioError as error:
        raise CannotStartError(
            f"The microphone or the loudspeaker cannot be opened: {error}. Name recordings with --input."
        ) from error
