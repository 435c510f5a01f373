"""Encoding of samples to files and streams with FFmpeg."""

from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from echo_common.audio.formats import AudioFormat

FULL_SCALE: Final = 32_767
"""Sample of 16 bits that stands for 1.0."""

_FLUSH_PACKETS: Final = 0x200  # AVFMT_FLAG_FLUSH_PACKETS: write each packet immediately
_LAYOUTS: Final = {1: "mono", 2: "stereo"}


class SampleWriter:
    """A writer of samples into an open container, with one encoder.

    Samples are float32, finite, at a rate that the codec supports (`AudioFormat.codec_rate`): those of one channel, or of left
    and right in the shape (channels, samples). They are clipped to [-1, 1].
    """

    def __init__(self, container: av.container.OutputContainer, audio: AudioFormat, rate: int, channels: int = 1) -> None:
        self._container = container
        self._container.flags |= _FLUSH_PACKETS
        self._format = audio
        self._rate = rate
        self._layout = _LAYOUTS[channels]
        self._stream = cast("AudioStream", container.add_stream(audio.codec, rate=rate, layout=self._layout))
        self._stream.format = audio.sample_format
        if audio.bit_rate is not None:
            self._stream.bit_rate = audio.bit_rate * channels
        self._written = 0
        self._container.start_encoding()

    @property
    def seconds(self) -> float:
        """Duration of the audio passed to the codec, in seconds."""
        return self._written / self._rate

    def write(self, samples: NDArray[np.float32]) -> None:
        """Encode any number of samples."""
        bounded: NDArray[np.float32] = np.clip(np.atleast_2d(samples), -1.0, 1.0)
        count = bounded.shape[1]
        if not count:
            return
        name = self._format.sample_format
        rows = bounded if name.endswith("p") else bounded.T.reshape(1, -1)  # packed formats have left and right in turn
        values = np.ascontiguousarray(rows, np.float32)
        ready = values if name.startswith("flt") else np.rint(values * FULL_SCALE).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(ready, format=name, layout=self._layout)
        frame.sample_rate = self._rate
        frame.pts = self._written
        frame.time_base = Fraction(1, self._rate)
        self._written += count
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, and close the container."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


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


class StreamEncoder:
    """A streaming encoder: its bytes can be sent as they are produced. Samples are those of `SampleWriter`.

    A stream cannot be corrected afterwards: a WAV header has 0xFFFFFFFF as its sizes, an MP3 has a constant bit rate and no
    index.
    """

    def __init__(self, audio: AudioFormat, rate: int, channels: int = 1) -> None:
        self._sink = _Sink()
        options = {**audio.options, **audio.stream_options}
        container = av.open(self._sink, "w", format=audio.container, container_options=options)
        self._writer = SampleWriter(container, audio, rate, channels)

    @property
    def seconds(self) -> float:
        """Duration of the audio encoded so far, in seconds."""
        return self._writer.seconds

    def feed(self, samples: NDArray[np.float32]) -> bytes:
        """Encode any number of samples and return the bytes produced so far, header included."""
        self._writer.write(samples)
        return self._sink.take()

    def close(self) -> bytes:
        """Return the remaining bytes. Call it exactly once."""
        self._writer.close()
        return self._sink.take()


def open_file(path: Path, audio: AudioFormat, rate: int, channels: int = 1) -> SampleWriter:
    """Open a writer of a complete file, whose header gets the final sizes."""
    container = av.open(str(path), "w", format=audio.container, container_options=dict(audio.options))
    return SampleWriter(container, audio, rate, channels)
