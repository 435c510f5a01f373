"""Audio of spoken conversations: encoded audio can be decoded, and other bytes are refused."""

import numpy as np
import pytest

from echo_common.contracts.http.talk import TalkFormat
from echo_voice.talk.codecs import InputDecoder, MalformedAudioError, OutputEncoder, split_format

SECONDS = 1.0


def tone(rate: int) -> bytes:
    times = np.arange(int(SECONDS * rate)) / rate
    return bytes(np.rint(8_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2"))


def frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * 16_000 / len(samples))


@pytest.mark.parametrize("audio_format", ["pcm_8000", "pcm_16000", "pcm_44100", "pcm_48000", "opus_48000"])
def test_encoded_audio_is_decoded(audio_format: TalkFormat) -> None:
    encoder, decoder = OutputEncoder(audio_format), InputDecoder(audio_format)
    sound = tone(split_format(audio_format)[1])
    parts = [part for start in range(0, len(sound), 1_000) for part in encoder.encode(sound[start : start + 1_000])]
    parts += encoder.flush()
    assert b"".join(part.pcm for part in parts) == sound
    decoded = np.concatenate([decoder.decode(message) for part in parts for message in part.messages])
    assert len(decoded) / 16_000 == pytest.approx(SECONDS, abs=0.035)
    assert frequency(decoded) == pytest.approx(440, abs=2)
    assert np.abs(decoded).max() == pytest.approx(8_000 / 32_768, rel=0.2)


def test_opus_packets_have_20_milliseconds() -> None:
    parts = list(OutputEncoder("opus_48000").encode(tone(48_000)))
    assert sum(len(part.messages) for part in parts) == pytest.approx(SECONDS / 0.02, abs=1)


def test_audio_is_cut_into_parts_and_the_rest_is_flushed() -> None:
    encoder = OutputEncoder("pcm_16000")
    sound = tone(16_000)[:10_000]
    parts = list(encoder.encode(sound))
    assert [encoder.seconds(part.pcm) for part in parts] == [0.1] * 3
    assert b"".join(part.pcm for part in [*parts, *encoder.flush()]) == sound
    assert list(encoder.flush()) == []


def test_discarded_audio_is_not_flushed() -> None:
    encoder = OutputEncoder("pcm_16000")
    assert list(encoder.encode(tone(16_000)[:1_000])) == []
    encoder.discard()
    assert list(encoder.flush()) == []


@pytest.mark.parametrize(
    ("audio_format", "message"),
    [
        ("pcm_16000", b"abc"),
        ("pcm_16000", b""),
        ("opus_48000", b""),
        ("opus_48000", b"\xff" * 5),
        ("opus_48000", bytes(2_000)),
        ("opus_48000", b"OggS" * 200),
    ],
)
def test_bytes_in_another_format_are_refused(audio_format: TalkFormat, message: bytes) -> None:
    with pytest.raises(MalformedAudioError):
        InputDecoder(audio_format).decode(message)
