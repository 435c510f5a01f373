"""Audio of spoken conversations: what is encoded can be decoded, and other bytes are refused."""

import numpy as np
import pytest

from echo_voice.talk.codecs import InputDecoder, MalformedAudioError, OutputEncoder, TalkFormat, split_format

SECONDS = 1.0


def tone(rate: int) -> bytes:
    times = np.arange(int(SECONDS * rate)) / rate
    return bytes(np.rint(8_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2"))


def frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * 16_000 / len(samples))


@pytest.mark.parametrize("audio_format", ["pcm_8000", "pcm_16000", "pcm_44100", "pcm_48000", "opus_48000"])
def test_what_is_encoded_is_decoded(audio_format: TalkFormat) -> None:
    encoder, decoder = OutputEncoder(audio_format), InputDecoder(audio_format)
    sound = tone(split_format(audio_format)[1])
    messages = [message for start in range(0, len(sound), 1_000) for message in encoder.encode(sound[start : start + 1_000])]
    messages += encoder.flush()
    decoded = np.concatenate([decoder.decode(message) for message in messages])
    assert len(decoded) / 16_000 == pytest.approx(SECONDS, abs=0.035)
    assert frequency(decoded) == pytest.approx(440, abs=2)
    assert np.abs(decoded).max() == pytest.approx(8_000 / 32_768, rel=0.2)


def test_opus_packets_have_20_milliseconds() -> None:
    encoder = OutputEncoder("opus_48000")
    assert encoder.packet_seconds == 0.02
    assert len(list(encoder.encode(tone(48_000)))) == pytest.approx(SECONDS / 0.02, abs=1)


def test_pcm_is_cut_into_messages_and_the_rest_is_flushed() -> None:
    encoder = OutputEncoder("pcm_16000", packet_seconds=0.3)
    sound = tone(16_000)
    messages = list(encoder.encode(sound))
    assert [len(message) for message in messages] == [9_600] * 3
    assert b"".join([*messages, *encoder.flush()]) == sound
    assert list(encoder.flush()) == []


def test_discarded_audio_is_not_flushed() -> None:
    encoder = OutputEncoder("pcm_16000", packet_seconds=2)
    assert list(encoder.encode(tone(16_000))) == []
    encoder.discard()
    assert list(encoder.flush()) == []


@pytest.mark.parametrize(
    ("audio_format", "message"),
    [
        ("pcm_16000", b"abc"),
        ("opus_48000", b""),
        ("opus_48000", b"\xff" * 5),
        ("opus_48000", bytes(2_000)),
        ("opus_48000", b"OggS" * 200),
    ],
)
def test_bytes_in_another_format_are_refused(audio_format: TalkFormat, message: bytes) -> None:
    with pytest.raises(MalformedAudioError):
        InputDecoder(audio_format).decode(message)
