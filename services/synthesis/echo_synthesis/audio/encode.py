"""Encoding: one encoder per response or file.

Samples are limited after everything else that changes them, pitch, volume and rate included, and before the codec: the
codec's input has no true peak beyond -1 dBFS. Audio decoded from MP3, AAC, Opus or mu-law may overshoot that a little.
"""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from echo_synthesis.audio.formats import AudioFormat
from echo_synthesis.audio.limiter import Limiter
from echo_synthesis.audio.resample import Resampler

_FLUSH_PACKETS = 0x200  # AVFMT_FLAG_FLUSH_PACKETS: what is encoded is handed over at once


class _Sink:
    """A file without seeking; reading empties it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _Writer:
    """Samples written into an open container at the codec's rate, true peaks limited."""

    def __init__(self, container: av.container.OutputContainer, audio: AudioFormat, sample_rate: int, source_rate: int) -> None:
        self._container = container
        self._container.flags |= _FLUSH_PACKETS
        self._format = audio
        self._rate = audio.codec_rate(sample_rate)
        self._resampler = Resampler(source_rate, self._rate)
        self._limiter = Limiter(self._rate)
        self._stream = cast("AudioStream", container.add_stream(audio.codec, rate=self._rate, layout="mono"))
        self._stream.format = audio.sample_format
        if audio.bit_rate is not None:
            self._stream.bit_rate = audio.bit_rate
        self._written = 0
        self._container.start_encoding()

    @property
    def seconds(self) -> float:
        """Seconds of audio given to the codec."""
        return self._written / self._rate

    def write(self, samples: NDArray[np.float32]) -> None:
        self._encode(self._limiter.feed(self._resampler.feed(samples)))

    def close(self) -> None:
        self._encode(self._limiter.feed(self._resampler.close()))
        self._encode(self._limiter.close())
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _encode(self, samples: NDArray[np.float32]) -> None:
        if not len(samples):
            return
        bounded = np.clip(samples, -1.0, 1.0)[np.newaxis, :]
        ready = (
            bounded.astype(np.float32) if self._format.sample_format == "fltp" else np.rint(bounded * 32767).astype(np.int16)
        )
        frame = av.AudioFrame.from_ndarray(ready, format=self._format.sample_format, layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._written
        frame.time_base = Fraction(1, self._rate)
        self._written += len(samples)
        self._container.mux(self._stream.encode(frame))


class Encoder:
    """Encodes one response, piece by piece, into bytes that can be sent as they come.

    Streams cannot be corrected afterwards: a WAV header says 0xFFFFFFFF for its sizes, an MP3 has a constant bit rate and
    no index. Samples are mono float32, finite, at `source_rate` (default: `sample_rate`, both in Hz).
    """

    def __init__(self, audio: AudioFormat, sample_rate: int, *, source_rate: int | None = None) -> None:
        self._sink = _Sink()
        options = {**audio.options, **audio.stream_options}
        container = av.open(self._sink, "w", format=audio.container, container_options=options)
        self._writer = _Writer(container, audio, sample_rate, source_rate or sample_rate)

    @property
    def seconds(self) -> float:
        """Seconds of audio encoded so far."""
        return self._writer.seconds

    def feed(self, samples: NDArray[np.float32]) -> bytes:
        """Take samples of any number and return the bytes encoded so far, header included."""
        self._writer.write(samples)
        return self._sink.take()

    def close(self) -> bytes:
        """Return the remaining bytes. Call it exactly once."""
        self._writer.close()
        return self._sink.take()


class FileEncoder:
    """Encodes into a complete file, piece by piece in constant memory: true sizes, seek tables and totals once closed.

    Samples are mono float32, finite, at `source_rate` (default: `sample_rate`, both in Hz).
    """

    def __init__(self, path: Path, audio: AudioFormat, sample_rate: int, *, source_rate: int | None = None) -> None:
        self._path = path
        container = av.open(str(path), "w", format=audio.container, container_options=dict(audio.options))
        self._writer = _Writer(container, audio, sample_rate, source_rate or sample_rate)

    @property
    def seconds(self) -> float:
        """Seconds of audio encoded so far."""
        return self._writer.seconds

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Take samples of any number."""
        self._writer.write(samples)

    def close(self) -> int:
        """Finish the file and return its size in bytes."""
        self._writer.close()
        return self._path.stat().st_size
