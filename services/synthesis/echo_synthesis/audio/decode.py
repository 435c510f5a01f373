"""Decoding of external audio: raw PCM described by a MIME type, or an audio file."""

import io
import re

import av
import numpy as np
from numpy.typing import NDArray

_RAW = re.compile(r"audio/(?:pcm|l(?P<bits>16|24|32))")
_FILE = re.compile(r"audio/(?:(?:x-|vnd\.)?wave?|mpeg|mp3|ogg|opus|flac|x-flac|aac)")

_UNKNOWN_SIZE = 0x7FFF_0000
"""Smallest WAV size that means an unknown size: streams write such placeholders."""


class UnreadableAudioError(ValueError):
    """Audio that does not match its MIME type, or a MIME type that lacks necessary parameters."""


def decode(data: bytes, mime: str) -> tuple[NDArray[np.float32], int]:
    """Decode audio into mono float32 samples in [-1, 1] and their rate in Hz.

    Raw PCM (`audio/L16;rate=24000`, `audio/pcm;rate=…;channels=…`) is read as signed little-endian, as services send it,
    although RFC 2586 defines L16 as big-endian. Its MIME type must contain the rate. FFmpeg decodes files.

    Raises:
        UnreadableAudioError: The audio cannot be decoded.
    """
    kind, *rest = (part.strip() for part in mime.lower().split(";"))
    parameters = dict(part.split("=", 1) for part in rest if "=" in part)
    if _FILE.fullmatch(kind) or data[:4] == b"RIFF":
        return _decode_file(data)
    raw = _RAW.fullmatch(kind)
    if raw is None:
        raise UnreadableAudioError(f"{kind!r} is not a supported audio type.")
    try:
        rate, channels = int(parameters["rate"]), int(parameters.get("channels", 1))
    except (KeyError, ValueError):
        raise UnreadableAudioError(f"{mime!r} does not state the sample rate.") from None
    if not 4_000 <= rate <= 192_000 or not 1 <= channels <= 8:
        raise UnreadableAudioError(f"{mime!r} is not a sample rate of speech.")
    return _unpack(data, int(raw["bits"] or 16) // 8, channels), rate


def _unpack(data: bytes, width: int, channels: int) -> NDArray[np.float32]:
    if len(data) % (width * channels):
        raise UnreadableAudioError("The audio ends in the middle of a sample.")
    # move samples of any width into the upper bytes of 32-bit integers
    padded = np.zeros((len(data) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    samples = padded.view("<i4").reshape(-1, channels).astype(np.float32) / np.float32(2**31)
    return np.asarray(samples.mean(axis=1), np.float32)


def _decode_file(data: bytes) -> tuple[NDArray[np.float32], int]:
    size = int.from_bytes(data[4:8], "little")
    if data[:4] == b"RIFF" and len(data) < size + 8 < _UNKNOWN_SIZE:
        raise UnreadableAudioError("The audio file is incomplete.")
    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.audio[0]
            mono = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
            frames = [part for frame in container.decode(stream) for part in mono.resample(frame)] + mono.resample(None)
            rate = stream.rate
    except (av.FFmpegError, IndexError, EOFError) as error:
        raise UnreadableAudioError(f"The audio file cannot be decoded: {error}.") from error
    blocks = [frame.to_ndarray().ravel() for frame in frames]
    return np.concatenate([np.zeros(0, np.float32), *blocks]), rate
