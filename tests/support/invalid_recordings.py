"""A hundred files without speech of a single speaker: `python -m tests.support.invalid_recordings FOLDER` writes them."""

import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.recordings import RATE, encoded, spoken, video, wav

_SEED = 20_260_131


def bad_files() -> Iterator[tuple[str, bytes]]:
    """Return names and contents, the same on every call."""
    random = np.random.default_rng(_SEED)
    speech = wav(spoken())
    yield from _not_audio(random)
    yield from _lying_headers(speech)
    yield from _cut_short(speech)
    yield from _too_much()
    yield from _damaged(random)
    yield from _not_speech(random)


def _not_audio(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    yield "empty.wav", b""
    yield "text.wav", b"Dear diary, today I recorded nothing at all.\n" * 200
    yield "page.mp3", b"<!doctype html><html><body>404</body></html>"
    yield "script.ogg", b"#!/bin/sh\nrm -rf /\n"
    yield "list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    yield "concat.wav", b"ffconcat version 1.0\nfile /etc/passwd\n"
    yield "picture.wav", b"\x89PNG\r\n\x1a\n" + random.bytes(2_000)
    yield "paper.flac", b"%PDF-1.7\n" + random.bytes(2_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb", bytes(20_000_000))
    yield "bomb.wav", archive.getvalue()
    yield "elf.m4a", b"\x7fELF" + random.bytes(500)
    for size in (1, 2, 3, 4, 8, 11, 12, 16, 20, 24, 36, 40, 44, 100):
        yield f"riff-{size}.wav", (b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(100))[:size]
    for number, magic in enumerate(
        (b"fLaC", b"OggS", b"ID3\x04", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x20ftypM4A ", b"\xff\xfb\x90\x64")
    ):
        yield f"magic-{number}", magic + random.bytes(3_000)
        yield f"magic-zeros-{number}", magic + bytes(3_000)


def _lying_headers(speech: bytes) -> Iterator[tuple[str, bytes]]:
    """The same audio with a wrong header (offsets of the canonical 44 bytes)."""
    for name, offset, form, value in (
        ("channels-0", 22, "<H", 0),
        ("channels-7", 22, "<H", 7),
        ("channels-65535", 22, "<H", 65_535),
        ("rate-0", 24, "<I", 0),
        ("rate-1", 24, "<I", 1),
        ("rate-8000", 24, "<I", 8_000),
        ("rate-4000000000", 24, "<I", 4_000_000_000),
        ("bits-0", 34, "<H", 0),
        ("bits-3", 34, "<H", 3),
        ("bits-512", 34, "<H", 512),
        ("block-0", 32, "<H", 0),
        ("format-0", 20, "<H", 0),
        ("format-9999", 20, "<H", 9_999),
        ("fmt-size-0", 16, "<I", 0),
        ("fmt-size-huge", 16, "<I", 2_000_000_000),
        ("data-size-huge", 40, "<I", 2_000_000_000),
    ):
        lie = bytearray(speech)
        struct.pack_into(form, lie, offset, value)
        yield f"lie-{name}.wav", bytes(lie)


def _cut_short(speech: bytes) -> Iterator[tuple[str, bytes]]:
    for size in (44, 45, 46, 1_000, len(speech) // 2, len(speech) - 100):
        yield f"cut-{size}.wav", speech[:size]
    sound = spoken()
    for container, codec in (("mp3", "libmp3lame"), ("flac", "flac"), ("ipod", "aac")):
        whole = encoded(sound, container, codec)
        yield f"cut.{container}", whole[: len(whole) // 30]
    yield "cut.mp4", video(sound)[:20_000]


def _too_much() -> Iterator[tuple[str, bytes]]:
    # frames of silence are all the same: what is long is a minute many times over, behind a header that speaks of one
    minute = _silence("mp3", "libmp3lame", 60, 8_000, 8_000)
    yield "three-hours-of-silence.mp3", minute * 180
    minute = _silence("flac", "flac", 60, 192_000)
    frames = _flac_frames(minute)
    yield "bomb.flac", minute + minute[frames:] * 179
    yield "twenty-minutes-of-silence.ogg", _silence("ogg", "libopus", 1200, 48_000, 6_000)
    yield "eleven-minutes.flac", _silence("flac", "flac", 660, 8_000)


def _damaged(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Complete files with a tenth of their bytes replaced, headers first."""
    sound = spoken()
    for container, codec in (("mp3", "libmp3lame"), ("flac", "flac"), ("ipod", "aac"), ("adts", "aac")):
        whole = np.frombuffer(encoded(sound, container, codec), np.uint8)
        for share in (0.3, 0.6, 0.9):
            broken = whole.copy()
            places = random.random(len(broken)) < share
            places[:64] = False
            broken[places] = random.integers(0, 256, int(places.sum()), np.uint8)
            yield f"damaged-{share}.{container}", broken.tobytes()


def _not_speech(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    length = 6 * RATE
    times = np.arange(length) / RATE
    yield "silence.wav", wav(np.zeros(length, np.float32))
    yield "hum.wav", wav(np.asarray(0.3 * np.sin(2 * np.pi * 50 * times), np.float32))
    for level in (0.01, 0.1, 0.5):
        yield f"noise-{level}.wav", wav(random.normal(0, level, length).astype(np.float32))
    for number in range(12):
        yield f"music-{number}.wav", wav(_music(times, random))
    yield "a-word.wav", wav(spoken("Hello."))
    yield "click.wav", wav(np.eye(1, length, 5_000, dtype=np.float32)[0])
    yield "square.wav", wav(np.sign(np.sin(2 * np.pi * 220 * times)).astype(np.float32))
    yield "loud-noise.mp3", encoded(random.normal(0, 2, length).astype(np.float32), "mp3", "libmp3lame")
    yield "silent-film.mp4", video(np.zeros(length, np.float32))


def _music(times: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float32]:
    """Chords of decaying strings."""
    sound = np.zeros_like(times)
    for beat in np.arange(0, times[-1], 0.25):
        rings = (times >= beat) & (times < beat + 2)
        since = times[rings] - beat
        for step in random.choice([0, 2, 4, 5, 7, 9, 11, 12], 3):
            sound[rings] += np.exp(-4 * since) * np.sin(2 * np.pi * 220 * 2 ** (step / 12) * since)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


def _flac_frames(file: bytes) -> int:
    """Return the offset at which the audio frames begin."""
    at, last = 4, False
    while not last:
        last = bool(file[at] & 0x80)
        at += 4 + int.from_bytes(file[at + 1 : at + 4], "big")
    return at


_QUICK = {"libopus": {"compression_level": "0", "frame_duration": "60"}}


def _silence(container: str, codec: str, seconds: int, rate: int, bit_rate: int | None = None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=rate, layout="mono", options=_QUICK.get(codec, {}))
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.open()
        size = stream.codec_context.frame_size or rate
        frame = av.AudioFrame.from_ndarray(np.zeros((1, size), np.int16), format="s16", layout="mono")
        frame.sample_rate = rate
        as_wanted = av.AudioResampler(stream.format.name, "mono", rate).resample(frame)[0]
        for number in range(seconds * rate // size):
            as_wanted.pts = number * size
            target.mux(stream.encode(as_wanted))
        target.mux(stream.encode(None))
    return file.getvalue()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in bad_files():
        (folder / name).write_bytes(content)
