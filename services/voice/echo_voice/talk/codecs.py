"""Audio of spoken conversations: raw PCM, or Opus with one packet per message."""

from collections.abc import Iterator
from typing import Any, Literal, Protocol, cast

import av
import numpy as np
import soxr
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

TalkFormat = Literal[
    "pcm_8000",
    "pcm_11025",
    "pcm_12000",
    "pcm_16000",
    "pcm_22050",
    "pcm_24000",
    "pcm_32000",
    "pcm_44100",
    "pcm_48000",
    "opus_48000",
]
"""Codec and sample rate in Hz of mono audio. PCM has 16 bits, little-endian; Opus packets are raw, without a container."""

LISTENING_RATE = 16_000
"""Sample rate in Hz at which speech is detected and recognised."""

_OPUS_RATE = 48_000
_PACKET_SAMPLES = 960  # 20 ms
_BIT_RATE = 32_000
_FULL_SCALE = 32_768.0

Samples = NDArray[np.float32]


class MalformedAudioError(Exception):
    """Audio that is not in the announced format; the message gives the reason."""


class _Decoder(Protocol):
    def decode(self, message: bytes) -> Samples: ...


class _Pcm:
    def decode(self, message: bytes) -> Samples:
        if len(message) % 2:
            raise MalformedAudioError("PCM has two bytes a sample: send messages of an even length.")
        return np.frombuffer(message, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)


class _Opus:
    def __init__(self) -> None:
        context: Any = av.CodecContext.create("libopus", "r")
        context.sample_rate = _OPUS_RATE
        context.layout = "mono"
        self._context = cast("AudioCodecContext", context)

    def decode(self, message: bytes) -> Samples:
        if not message:  # would end the stream
            raise MalformedAudioError("An Opus packet is empty.")
        try:
            frames = self._context.decode(av.Packet(message))
        except av.FFmpegError as error:
            raise MalformedAudioError(
                "This is not an Opus packet: send raw packets, one a message, without a container."
            ) from error
        parts = [frame.to_ndarray().astype(np.float32).ravel() for frame in frames]
        return np.concatenate(parts) / np.float32(_FULL_SCALE) if parts else np.zeros(0, np.float32)


class InputDecoder:
    """Decoder of a microphone's messages to mono samples at `LISTENING_RATE`."""

    def __init__(self, audio_format: TalkFormat) -> None:
        codec, rate = split_format(audio_format)
        self._decoder: _Decoder = _Opus() if codec == "opus" else _Pcm()
        self._resampler = (
            None if rate == LISTENING_RATE else soxr.ResampleStream(rate, LISTENING_RATE, 1, dtype="float32", quality="MQ")
        )

    def decode(self, message: bytes) -> Samples:
        """Return the samples available after a message; the resampler holds some milliseconds back.

        Raises `MalformedAudioError`.
        """
        samples = self._decoder.decode(message)
        if self._resampler is None:
            return samples
        converted: Samples = self._resampler.resample_chunk(samples)
        return np.clip(converted, -1.0, 1.0)


class OutputEncoder:
    """Encoder of a reply: PCM of 16 bits at `sample_rate` in, messages of at most `packet_seconds` out."""

    def __init__(self, audio_format: TalkFormat, packet_seconds: float = 0.1) -> None:
        codec, self.sample_rate = split_format(audio_format)
        self._context = _opus_encoder() if codec == "opus" else None
        self._size = 2 * (_PACKET_SAMPLES if codec == "opus" else max(1, round(packet_seconds * self.sample_rate)))
        self._rest = b""
        self._at = 0

    @property
    def packet_seconds(self) -> float:
        """Duration of a full message."""
        return self._size / 2 / self.sample_rate

    def encode(self, pcm: bytes) -> Iterator[bytes]:
        """Yield the messages that are complete."""
        data = self._rest + pcm
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        for start in range(0, whole, self._size):
            yield from self._message(data[start : start + self._size])

    def flush(self) -> Iterator[bytes]:
        """Yield the rest; Opus pads it with silence. The encoder can then begin another reply."""
        rest, self._rest = self._rest[: len(self._rest) // 2 * 2], b""
        if rest:
            yield from self._message(rest if self._context is None else rest.ljust(self._size, b"\0"))

    def discard(self) -> None:
        """Forget what was not yielded."""
        self._rest = b""

    def _message(self, pcm: bytes) -> Iterator[bytes]:
        if self._context is None:
            yield pcm
            return
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], format="s16", layout="mono")
        frame.sample_rate = _OPUS_RATE
        frame.pts = self._at
        self._at += _PACKET_SAMPLES
        for packet in self._context.encode(frame):
            yield bytes(packet)


def split_format(audio_format: TalkFormat) -> tuple[str, int]:
    """Return codec and sample rate in Hz of a format."""
    codec, _, rate = audio_format.partition("_")
    return codec, int(rate)


def _opus_encoder() -> AudioCodecContext:
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate = _OPUS_RATE
    context.layout = "mono"
    context.format = "s16"
    context.bit_rate = _BIT_RATE
    context.options = {"frame_duration": "20", "application": "voip"}
    context.open()
    return cast("AudioCodecContext", context)
