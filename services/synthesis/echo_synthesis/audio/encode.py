"""Audio encoders: one per response or file.

The limiter runs after pitch, volume and rate conversion and before the codec: the codec's input has no true peak above -1 dBFS.
Audio decoded from MP3, AAC, Opus or mu-law may exceed that slightly.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.encoding import StreamEncoder, open_file
from echo_common.audio.formats import FORMATS, AudioFormat
from echo_synthesis.audio.limiter import Limiter
from echo_synthesis.audio.resample import Resampler


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


class Encoder:
    """A streaming encoder of one response (see `StreamEncoder`).

    Samples are mono float32, finite, at `source_rate` (default: `sample_rate`, both in Hz).
    """

    def __init__(self, audio: AudioFormat, sample_rate: int, *, source_rate: int | None = None) -> None:
        self._mastering = Mastering(audio, sample_rate, source_rate or sample_rate)
        self._encoder = StreamEncoder(audio, audio.codec_rate(sample_rate))

    @property
    def seconds(self) -> float:
        """Duration of the audio encoded so far, in seconds."""
        return self._encoder.seconds

    def feed(self, samples: NDArray[np.float32]) -> bytes:
        """Encode any number of samples and return the bytes produced so far, header included."""
        return self._encoder.feed(self._mastering.feed(samples))

    def close(self) -> bytes:
        """Return the remaining bytes. Call it exactly once."""
        return self._encoder.feed(self._mastering.close()) + self._encoder.close()


class MasteredEncoder:
    """An encoder of a complete file from mastered samples, in constant memory, with a lossless copy of the codec's input.

    The copy is a FLAC file of 16 bits per sample; without its path there is none.
    """

    def __init__(self, path: Path, audio: AudioFormat, sample_rate: int, *, copy: Path | None = None) -> None:
        self._path = path
        rate = audio.codec_rate(sample_rate)
        self._writers = [open_file(path, audio, rate)]
        if copy is not None:
            self._writers.append(open_file(copy, FORMATS["flac"], rate))

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
