"""Files in place of a microphone and a loudspeaker, in real time."""

import asyncio
import errno
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from echo_embedded.data_folder import CannotStartError
from echo_embedded.say import unwritable
from echo_embedded.talk import INPUT_RATE, OUTPUT_RATE, Turns

_MESSAGE_SECONDS: Final = 0.02
_SILENCE = bytes(2 * round(_MESSAGE_SECONDS * INPUT_RATE))


class FileMicrophone:
    """A microphone that records one file after the other; each waits for the reply to the one before it."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._recordings = [read_recording(path) for path in files]

    async def messages(self, turns: Turns) -> AsyncIterator[bytes]:
        """Yield the files, and silence between them."""
        pace = _Pace()
        for recording in [*self._recordings, b""]:
            waiting = asyncio.create_task(turns.wait())
            try:
                while not waiting.done():
                    yield await pace.next(_SILENCE)
                waiting.result()
            finally:
                waiting.cancel()
            turns.ended.clear()
            for start in range(0, len(recording), len(_SILENCE)):
                yield await pace.next(recording[start : start + len(_SILENCE)])


class FileLoudspeaker:
    """A loudspeaker that records the replies, up to where they were interrupted, in a WAV file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._played: list[bytes] = []
        self._reply = b""
        self._began_at = 0.0

    def begin(self) -> None:
        """Begin a reply."""
        self._keep()

    def play(self, pcm: bytes) -> None:
        """Add audio of the reply, which plays from its first on."""
        if not self._reply:
            self._began_at = monotonic()
        self._reply += pcm

    def flush(self) -> float:
        """Discard audio that would not have been played yet; return the seconds of the rest."""
        self._reply = self._reply[: 2 * int(OUTPUT_RATE * (monotonic() - self._began_at))]
        return len(self._reply) / 2 / OUTPUT_RATE

    async def finish(self) -> None:
        """Wait as long as the reply takes."""
        await asyncio.sleep(max(0.0, self._began_at + len(self._reply) / 2 / OUTPUT_RATE - monotonic()))

    def write(self) -> None:
        """Write the file. Raises `CannotStartError`."""
        self._keep()
        if self._path is None:
            return
        try:
            with self._path.open("wb") as target, wave.open(target, "wb") as file:
                file.setparams((1, 2, OUTPUT_RATE, 0, "NONE", ""))
                file.writeframes(b"".join(self._played))
        except OSError as error:
            raise unwritable(self._path, error.errno or errno.EIO) from error

    def _keep(self) -> None:
        self._played.append(self._reply)
        self._reply = b""


class _Pace:
    """The pace of a recording."""

    def __init__(self) -> None:
        self._at = monotonic()

    async def next(self, message: bytes) -> bytes:
        """Return a message at the time at which it was recorded."""
        self._at += len(message) / 2 / INPUT_RATE
        await asyncio.sleep(max(0.0, self._at - monotonic()))
        return message


def read_recording(path: Path) -> bytes:
    """Return the sound of an audio file as PCM: mono, 16 bits, `INPUT_RATE`. Raises `CannotStartError`."""
    import av
    from av.audio.frame import AudioFrame

    resampler = av.AudioResampler(format="s16", layout="mono", rate=INPUT_RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise CannotStartError(f"There is no sound in {path}.")
            parts = []
            for frame in container.decode(container.streams.audio[0]):
                assert isinstance(frame, AudioFrame)  # noqa: S101 - an audio stream yields nothing else
                parts += [part.to_ndarray().tobytes() for part in resampler.resample(frame)]
            parts += [part.to_ndarray().tobytes() for part in resampler.resample(None)]
    except (OSError, av.FFmpegError) as error:
        raise CannotStartError(f"The file {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return b"".join(parts)
