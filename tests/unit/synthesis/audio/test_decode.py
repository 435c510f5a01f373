"""Tests of decoding provider audio by its MIME type."""

import io
import wave

import numpy as np
import pytest

from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.decode import UnreadableAudioError, decode
from echo_synthesis.audio.encode import Encoder

TONE = (0.5 * np.sin(2 * np.pi * 220 * np.arange(4_800) / 24_000)).astype(np.float32)


def wav(samples: np.ndarray, rate: int = 24_000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 2, rate, 0, "NONE", ""))
        writer.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


@pytest.mark.parametrize("width", [2, 3, 4])
def test_raw_samples_of_every_width_are_little_endian(width: int) -> None:
    wide = np.rint(TONE.astype(np.float64) * (2 ** (8 * width - 1) - 1)).astype("<i4")
    data = wide.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    samples, rate = decode(data, f"audio/L{8 * width};codec=pcm;rate=24000")
    assert rate == 24_000
    np.testing.assert_allclose(samples, TONE, atol=1e-4)


def test_channels_are_mixed() -> None:
    stereo = np.stack([TONE, -TONE], axis=1)
    samples, _ = decode(np.rint(stereo * 32767).astype("<i2").tobytes(), "audio/pcm; rate=16000; channels=2")
    assert len(samples) == len(TONE)
    assert np.abs(samples).max() < 1e-3


@pytest.mark.parametrize("mime", ["audio/wav", "audio/x-wav", "audio/wave", "audio/L16;rate=16000"])
def test_wav_files_are_detected_by_their_header(mime: str) -> None:
    samples, rate = decode(wav(TONE), mime)
    assert rate == 24_000
    np.testing.assert_allclose(samples, TONE, atol=1e-4)


def test_streamed_wav_of_unknown_size_is_read_completely() -> None:
    data = wav(TONE)
    data = data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]
    assert len(decode(data, "audio/wav")[0]) == len(TONE)


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg"])
def test_compressed_files_are_decoded(name: str) -> None:
    encoder = Encoder(FORMATS[name], 24_000, source_rate=24_000)
    data = encoder.feed(TONE) + encoder.close()
    samples, rate = decode(data, FORMATS[name].mime)
    assert len(samples) / rate == pytest.approx(0.2, abs=0.08)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\0\0", "audio/L16"),
        (b"\0\0", "audio/L16;rate=fast"),
        (b"\0\0", "audio/L16;rate=1"),
        (b"\0\0\0", "audio/L16;rate=24000"),
        (b"\0\0", "audio/L8;rate=24000"),
        (b"\0\0", "text/plain"),
        (b"\0\0", ""),
        (b"", "audio/wav"),
        (b"<html></html>", "audio/wav"),
        (wav(TONE)[:1_000], "audio/wav"),
    ],
)
def test_missing_and_wrong_mime_types_are_refused(data: bytes, mime: str) -> None:
    with pytest.raises(UnreadableAudioError):
        decode(data, mime)
