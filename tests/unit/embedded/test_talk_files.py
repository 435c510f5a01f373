"""Files in place of a microphone and a loudspeaker."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from echo_embedded import talk_files
from echo_embedded.data_folder import CannotStartError
from echo_embedded.talk import Turns
from echo_embedded.talk_files import FileLoudspeaker, FileMicrophone, read_recording
from tests.support.recordings import encoded, wav

SECOND = 24_000 * 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = 100.0

    def move(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(talk_files, "monotonic", lambda: now)
    return move


@pytest.mark.parametrize("content", ["wav", "flac"])
def test_recordings_are_read_at_the_rate_of_the_microphone(content: str, tmp_path: Path) -> None:
    sound = (0.5 * np.sin(np.arange(48_000) / 10)).astype(np.float32)
    path = tmp_path / "a.audio"
    path.write_bytes(wav(sound, 48_000) if content == "wav" else encoded(sound, "flac", "flac", 48_000))
    samples = np.frombuffer(read_recording(path), "<i2")
    assert len(samples) == pytest.approx(16_000, abs=50)
    assert np.abs(samples).max() == pytest.approx(16_384, rel=0.1)


def test_files_that_are_not_recordings_are_reported(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("hello")
    for path in (text, tmp_path / "missing.wav"):
        with pytest.raises(CannotStartError, match="cannot be read"):
            read_recording(path)


async def test_each_recording_waits_for_the_reply_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.full(1_600, 0.5, np.float32), 16_000))
    turns = Turns()
    heard: list[bool] = []
    async for message in FileMicrophone([path, path]).messages(turns):
        heard.append(any(message))
        if len(heard) in {3, 15, 27}:
            turns.ended.set()
    spoken = [index for index, loud in enumerate(heard) if loud]
    assert len(spoken) == 2 * 5
    assert spoken[0] >= 3
    assert spoken[5] >= 15


def test_a_flushed_reply_is_kept_up_to_where_it_was_played(clock: Callable[[float], None], tmp_path: Path) -> None:
    loudspeaker = FileLoudspeaker(tmp_path / "reply.wav")
    loudspeaker.begin()
    loudspeaker.play(bytes(SECOND))
    clock(0.25)
    loudspeaker.play(bytes(SECOND))
    assert loudspeaker.flush() == pytest.approx(0.25)
    loudspeaker.begin()
    loudspeaker.play(bytes(SECOND))
    loudspeaker.write()
    with wave.open(str(tmp_path / "reply.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(1.25)


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="cannot be written"):
        FileLoudspeaker(tmp_path / "missing" / "reply.wav").write()
