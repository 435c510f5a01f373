"""Audio of spoken conversations: raw PCM, or Opus with one packet per message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import av
import numpy as np
import soxr
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from echo_common.contracts.http.talk import TalkFormat

LISTENING_RATE = 16_000
"""Sample rate in Hz at which speech is detected and recognised."""

PART_SECONDS = 0.1
"""Duration of the parts in which a reply is sent; an interruption takes effect between two of them."""

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
        if not message or len(message) % 2:
            raise MalformedAudioError("PCM has two bytes a sample: send messages of an even length, and no empty ones.")
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


@dataclass(frozen=True, slots=True)
class OutputPart:
    """A part of a reply: its samples of 16 bits, and the messages that carry them."""

    pcm: bytes
    messages: Sequence[bytes]


class OutputEncoder:
    """Encoder of a reply: PCM of 16 bits at `sample_rate` in, parts of `PART_SECONDS` out."""

    def __init__(self, audio_format: TalkFormat) -> None:
        codec, self.sample_rate = split_format(audio_format)
        self._context = _opus_encoder() if codec == "opus" else None
        self._size = 2 * round(PART_SECONDS * self.sample_rate)
        self._rest = b""
        self._at = 0

    def seconds(self, pcm: bytes) -> float:
        """Return the duration of samples."""
        return len(pcm) / 2 / self.sample_rate

    def encode(self, pcm: bytes) -> Iterator[OutputPart]:
        """Yield the parts that are complete."""
        data = self._rest + pcm
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        for start in range(0, whole, self._size):
            yield self._part(data[start : start + self._size])

    def flush(self) -> Iterator[OutputPart]:
        """Yield the rest; Opus pads it with silence. The encoder can then begin another reply."""
        rest, self._rest = self._rest[: len(self._rest) // 2 * 2], b""
        if rest:
            yield self._part(rest)

    def discard(self) -> None:
        """Discard audio that is not yet encoded."""
        self._rest = b""

    def _part(self, pcm: bytes) -> OutputPart:
        if self._context is None:
            return OutputPart(pcm, [pcm])
        size = 2 * _PACKET_SAMPLES
        frames = [pcm[start : start + size].ljust(size, b"\0") for start in range(0, len(pcm), size)]
        return OutputPart(pcm, [packet for frame in frames for packet in self._packets(frame)])

    def _packets(self, pcm: bytes) -> Iterator[bytes]:
        assert self._context is not None  # noqa: S101 - only of Opus
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
