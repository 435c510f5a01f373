"""Untrusted files are searched for the watermark within limits; damaged and other files have none."""

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from echo_common.contracts.system_settings import WATERMARK
from echo_common.live_settings import LiveSettings
from echo_synthesis.audio.watermark import WatermarkDetector, Watermarker, WatermarkPattern
from echo_synthesis.provenance.watermark_reader import find
from echo_synthesis.provenance.watermarks import Watermarks
from tests.support.recordings import RATE, encoded, spoken, wav

Upload = Callable[[bytes], Path]
KEY = b"k" * 32
PATTERN = WatermarkPattern.of(KEY)


@pytest.fixture
def watermarks() -> Watermarks:
    return Watermarks(KEY, LiveSettings())


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    """Store bytes as an uploaded file."""

    def store(content: bytes) -> Path:
        (tmp_path / "upload").write_bytes(content)
        return tmp_path / "upload"

    return store


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def marked() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    marker = Watermarker(PATTERN, RATE)
    return np.concatenate([marker.feed(spoken()), marker.close()])


def test_speech_is_marked_unless_the_system_setting_forbids_it() -> None:
    settings = LiveSettings()
    watermarks = Watermarks(KEY, settings)
    assert watermarks.marker(RATE) is not None
    settings.replace({WATERMARK.key: False})
    assert watermarks.marker(RATE) is None


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("mp3", "libmp3lame"), ("mp4", "aac"), ("ogg", "libopus")])
async def test_files_of_many_formats_are_searched_in_a_child_process(
    container: str, codec: str, watermarks: Watermarks, upload: Upload
) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    file = upload(encoded(np.asarray(soxr.resample(marked(), RATE, rate), np.float32), container, codec, rate))
    assert await watermarks.find(file)
    assert not await Watermarks(b"another", LiveSettings()).find(file)


async def test_the_key_of_the_child_process_is_private(watermarks: Watermarks, upload: Upload) -> None:
    file = upload(wav(spoken()))
    assert not await watermarks.find(file)
    assert permissions(file.with_name("watermark.key")) == 0o600


@pytest.mark.parametrize("content", [b"", b"Dear Ada", b"RIFF\xff\xff\xff\xffWAVE" + bytes(500), b"OggS" + bytes(500)])
async def test_files_that_cannot_be_decoded_have_no_watermark(content: bytes, watermarks: Watermarks, upload: Upload) -> None:
    file = upload(content)
    assert not await watermarks.find(file)


def test_what_precedes_damage_is_searched(upload: Upload) -> None:
    sound = encoded(marked(), "flac", "flac")
    file = upload(sound[: len(sound) * 2 // 3] + bytes(5_000))
    assert find(file, "flac", WatermarkDetector(PATTERN), 3_600)


def test_only_the_permitted_seconds_are_searched(upload: Upload) -> None:
    file = upload(wav(np.concatenate([spoken(), marked()])))
    seconds = len(spoken()) / RATE
    detector = WatermarkDetector(PATTERN)
    assert not find(file, "wav", detector, seconds - 1)
    assert detector.score > 0
    assert find(file, "wav", WatermarkDetector(PATTERN), 3 * seconds)
