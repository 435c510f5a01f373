"""Audio encoders: one per response or file.

The limiter runs after pitch, volume and rate conversion and before the codec: the codec's input has no true peak above -1 dBFS.
Audio decoded from MP3, AAC, Opus or mu-law may exceed that slightly.
"""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from echo_synthesis.audio.formats import FORMATS, AudioFormat
from echo_synthesis.audio.limiter import Limiter
from echo_synthesis.audio.resample import Resampler

_FLUSH_PACKETS = 0x200  # AVFMT_FLAG_FLUSH_PACKETS: write each packet immediately

FULL_SCALE = 32_767
"""Sample of 16 bits that stands for 1.0."""


class _Sink:
    """A non-seekable output file in memory; `take` returns and clears its content."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class Mastering:
    """A streaming conversion of speech to the input of a format's codec: its rate, and true peaks below -1 dBFS.

    Samples are mono float32, finite, at `source_rate` in Hz.
    """

    def __init__(self, audio: AudioFormat, sample_rate: int, source_rate: int) -> None:
        rate = audio.codec_rate(sample_rate)
        self._resampler = Resampler(source_rate, rate)
        self._limiter = Limiter(rate)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Process samples and return the output available so far."""
        return self._limiter.feed(self._resampler.feed(samples))

    def close(self) -> NDArray[np.float32]:
        """Return the remaining samples. Do not call `feed` afterwards."""
        return np.concatenate([self._limiter.feed(self._resampler.close()), self._limiter.close()])


class _Writer:
    """A writer of mastered samples into an open container."""

    def __init__(self, container: av.container.OutputContainer, audio: AudioFormat, sample_rate: int) -> None:
        self._container = container
        self._container.flags |= _FLUSH_PACKETS
        self._format = audio
        self._rate = audio.codec_rate(sample_rate)
        self._stream = cast("AudioStream", container.add_stream(audio.codec, rate=self._rate, layout="mono"))
        self._stream.format = audio.sample_format
        if audio.bit_rate is not None:
            self._stream.bit_rate = audio.bit_rate
        self._written = 0
        self._container.start_encoding()

    @property
    def seconds(self) -> float:
        """Duration of the audio passed to the codec, in seconds."""
        return self._written / self._rate

    def write(self, samples: NDArray[np.float32]) -> None:
        if not len(samples):
            return
        bounded = np.clip(samples, -1.0, 1.0)[np.newaxis, :]
        ready = (
            bounded.astype(np.float32)
            if self._format.sample_format == "fltp"
            else np.rint(bounded * FULL_SCALE).astype(np.int16)
        )
        frame = av.AudioFrame.from_ndarray(ready, format=self._format.sample_format, layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._written
        frame.time_base = Fraction(1, self._rate)
        self._written += len(samples)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


class Encoder:
    """A streaming encoder of one response: its bytes can be sent as they are produced.

    A stream cannot be corrected afterwards: a WAV header has 0xFFFFFFFF as its sizes, an MP3 has a constant bit rate and no
    index. Samples are mono float32, finite, at `source_rate` (default: `sample_rate`, both in Hz).
    """

    def __init__(self, audio: AudioFormat, sample_rate: int, *, source_rate: int | None = None) -> None:
        self._sink = _Sink()
        options = {**audio.options, **audio.stream_options}
        container = av.open(self._sink, "w", format=audio.container, container_options=options)
        self._mastering = Mastering(audio, sample_rate, source_rate or sample_rate)
        self._writer = _Writer(container, audio, sample_rate)

    @property
    def seconds(self) -> float:
        """Duration of the audio encoded so far, in seconds."""
        return self._writer.seconds

    def feed(self, samples: NDArray[np.float32]) -> bytes:
        """Encode any number of samples and return the bytes produced so far, header included."""
        self._writer.write(self._mastering.feed(samples))
        return self._sink.take()

    def close(self) -> bytes:
        """Return the remaining bytes. Call it exactly once."""
        self._writer.write(self._mastering.close())
        self._writer.close()
        return self._sink.take()


class MasteredEncoder:
    """An encoder of a complete file from mastered samples, in constant memory, with a lossless copy of the codec's input.

    The copy is a FLAC file of 16 bits per sample; without its path there is none.
    """

    def __init__(self, path: Path, audio: AudioFormat, sample_rate: int, *, copy: Path | None = None) -> None:
        self._path = path
        self._writers = [_open(path, audio, sample_rate)]
        if copy is not None:
            self._writers.append(_open(copy, FORMATS["flac"], audio.codec_rate(sample_rate)))

    @property
    def seconds(self) -> float:
        """Duration of the audio encoded so far, in seconds."""
        return self._writers[0].seconds

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Encode any number of samples."""
        for writer in self._writers:
            writer.write(samples)

    def close(self) -> int:
        """Finish the files and return the size of the first one in bytes."""
        for writer in self._writers:
            writer.close()
        return self._path.stat().st_size


class FileEncoder(MasteredEncoder):
    """An encoder of a complete file in constant memory; `close` writes the final sizes, seek tables and totals.

    Samples are mono float32, finite, at `source_rate` (default: `sample_rate`, both in Hz).
    """

    def __init__(
        self,
        path: Path,
        audio: AudioFormat,
        sample_rate: int,
        *,
        source_rate: int | None = None,
        copy: Path | None = None,
    ) -> None:
        super().__init__(path, audio, sample_rate, copy=copy)
        self._mastering = Mastering(audio, sample_rate, source_rate or sample_rate)

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Encode any number of samples."""
        super().feed(self._mastering.feed(samples))

    def close(self) -> int:
        """Finish the files and return the size of the first one in bytes."""
        super().feed(self._mastering.close())
        return super().close()


def _open(path: Path, audio: AudioFormat, sample_rate: int) -> _Writer:
    container = av.open(str(path), "w", format=audio.container, container_options=dict(audio.options))
    return _Writer(container, audio, sample_rate)
