"""Encoded audio contains exactly the samples that were fed."""

import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.audio.formats import FORMATS
from echo_synthesis.audio.encode import Encoder, FileEncoder
from tests.support.sound import decode

SECONDS = 3.2175
# codec frame in samples of the coded rate, plus the priming that a headerless stream cannot announce
SLACK = {"wav": 0, "pcm": 0, "mulaw": 0, "flac": 0, "ogg": 0, "mp3": 2 * 1152, "aac": 3 * 1024}


def tone(rate: int, seconds: float = SECONDS, hertz: float = 440.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def pieces(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    cuts = [0, 1, 7, 1000, 1001, 20_000, 20_000, len(samples)]
    return [samples[a:b] for a, b in pairwise(cuts)]


def write_file(path: Path, name: str, rate: int, blocks: Iterable[NDArray[np.float32]]) -> int:
    encoder = FileEncoder(path, FORMATS[name], rate)
    for block in blocks:
        encoder.feed(block)
    return encoder.close()


def stream(name: str, rate: int, samples: NDArray[np.float32], source_rate: int | None = None) -> bytes:
    encoder = Encoder(FORMATS[name], rate, source_rate=source_rate)
    return b"".join([*(encoder.feed(piece) for piece in pieces(samples)), encoder.close()])


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("name", FORMATS)
def test_streams_contain_every_sample(name: str, rate: int) -> None:
    heard, heard_rate = decode(stream(name, rate, tone(rate)), name, rate)
    assert abs(len(heard) - SECONDS * heard_rate) <= SLACK[name] + 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("name", FORMATS)
def test_files_contain_every_sample_and_their_duration(name: str, rate: int, tmp_path: Path) -> None:
    path = tmp_path / f"a.{FORMATS[name].extension}"
    size = write_file(path, name, rate, pieces(tone(rate)))
    assert size == path.stat().st_size
    heard, heard_rate = decode(path.read_bytes(), name, rate)
    frame = 1024 * 2 if name == "aac" else 1152 if name == "mp3" else 0
    assert abs(len(heard) - SECONDS * heard_rate) <= frame + 1
    if name in {"wav", "flac", "mp3", "ogg"}:
        with av.open(str(path)) as container:
            assert container.duration is not None
            assert container.duration / 1e6 == pytest.approx(SECONDS, abs=(frame + 500) / heard_rate)


@pytest.mark.parametrize("name", FORMATS)
def test_chunks_give_the_same_audio_as_the_whole(name: str) -> None:
    samples = tone(24_000)
    whole = Encoder(FORMATS[name], 24_000)
    assert stream(name, 24_000, samples) == whole.feed(samples) + whole.close()


@pytest.mark.parametrize("name", FORMATS)
def test_chunk_boundaries_have_no_step(name: str) -> None:
    heard, rate = decode(stream(name, 24_000, tone(22_050), source_rate=22_050), name, 24_000)
    middle = heard[rate // 4 : -rate // 4]
    steepest = 0.5 * 2 * np.pi * 440 / rate
    assert np.abs(np.diff(middle)).max() < steepest * 1.25


def test_a_streamed_wav_has_one_header_of_unknown_size() -> None:
    data = stream("wav", 24_000, tone(24_000))
    assert data.count(b"RIFF") == data.count(b"WAVEfmt ") == 1
    assert data[4:8] == b"\xff\xff\xff\xff"
    assert data[36:44] == b"data\xff\xff\xff\xff"
    assert len(data) == 44 + 2 * round(SECONDS * 24_000)


def test_wav_files_contain_their_size(tmp_path: Path) -> None:
    data = (tmp_path / "a.wav", write_file(tmp_path / "a.wav", "wav", 24_000, [tone(24_000)]))[0].read_bytes()
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    assert struct.unpack("<I", data[40:44])[0] == len(data) - 44


def test_only_mp3_files_have_an_index(tmp_path: Path) -> None:
    streamed = stream("mp3", 24_000, tone(24_000))
    write_file(tmp_path / "a.mp3", "mp3", 24_000, [tone(24_000)])
    assert b"Xing" not in streamed
    assert b"Info" not in streamed[:500]
    assert streamed[0] == 0xFF
    assert any(mark in (tmp_path / "a.mp3").read_bytes()[:2000] for mark in (b"Xing", b"Info"))


@pytest.mark.parametrize("name", FORMATS)
def test_encoded_audio_is_sent_without_delay(name: str) -> None:
    encoder = Encoder(FORMATS[name], 24_000)
    first = encoder.feed(tone(24_000, 1.0))
    assert len(first) > 0.7 * len(first + encoder.close())


@pytest.mark.parametrize("name", FORMATS)
def test_empty_input_gives_a_valid_file(name: str) -> None:
    encoder = Encoder(FORMATS[name], 24_000)
    assert isinstance(encoder.close(), bytes)


def test_loud_samples_are_limited() -> None:
    heard, _ = decode(stream("wav", 24_000, np.full(24_000, 3.0, np.float32)), "wav", 24_000)
    assert heard[1_000:-1_000].min() > 0.85
    assert heard.max() <= 10 ** (-1 / 20)


def test_unsupported_sample_rates_are_raised_to_a_supported_rate() -> None:
    assert FORMATS["ogg"].codec_rate(22_050) == 24_000
    assert FORMATS["mp3"].codec_rate(9_000) == 11_025
    assert FORMATS["wav"].codec_rate(9_000) == 9_000
    assert FORMATS["ogg"].codec_rate(44_100) == 48_000


def test_the_media_type_of_mu_law_states_its_rate_unless_it_is_8_khz() -> None:
    assert FORMATS["mulaw"].media_type(8_000) == "audio/basic"
    assert FORMATS["mulaw"].media_type(16_000) == "audio/PCMU;rate=16000"
    assert FORMATS["mp3"].media_type(16_000) == "audio/mpeg"
