"""Tests of scratch space, also after a crash."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from echo_common.audio.formats import FORMATS
from echo_common.errors import StorageFullError
from echo_common.scratch import Scratch
from echo_synthesis.audio.encode import FileEncoder
from tests.support.disks import fill

DIES = """
import os, pathlib, signal, sys
from echo_common.scratch import Scratch
with Scratch.open(pathlib.Path(sys.argv[1]), "speaker") as scratch, scratch.folder("audio") as folder:
    (folder / "speech.wav").write_bytes(b"spoken")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.endswith("lock"))


def test_scratch_is_private_and_removed_after_use(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    with Scratch.open(root, "speaker") as scratch:
        with scratch.folder("audio") as folder:
            (folder / "speech.wav").write_bytes(b"spoken")
            assert folder.is_relative_to(root)
            assert root.stat().st_mode & 0o077 == scratch.path.stat().st_mode & 0o077 == 0
        assert files(root) == []
    assert [path for path in root.iterdir() if path.is_dir()] == []


def test_scratch_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    assert files(tmp_path) == ["speech.wav"]
    with Scratch.open(tmp_path, "speaker"):
        assert files(tmp_path) == []


def test_scratch_of_another_process_is_kept(tmp_path: Path) -> None:
    with Scratch.open(tmp_path, "one") as one, one.folder("audio") as folder:
        (folder / "speech.wav").write_bytes(b"spoken")
        with Scratch.open(tmp_path, "two") as two:
            assert two.path != one.path
            assert files(tmp_path) == ["speech.wav"]


async def test_work_folders_are_private_and_removed_after_use(tmp_path: Path) -> None:
    with Scratch.open(tmp_path, "speaker") as scratch:
        async with scratch.work_folder("audio") as folder:
            (folder / "speech.wav").write_bytes(b"spoken")
            assert folder.parent == scratch.path
            assert folder.stat().st_mode & 0o077 == 0
        assert not folder.exists()


async def test_work_on_a_full_disk_is_refused_until_there_is_space(small_disk: Path) -> None:
    with Scratch.open(small_disk, "speaker") as scratch:
        filler = fill(small_disk)
        with pytest.raises(StorageFullError):
            async with scratch.work_folder("audio") as folder:
                (folder / "speech.wav").write_bytes(bytes(100_000))
        with pytest.raises(StorageFullError), scratch.folder("upload") as upload:
            (upload / "upload").write_bytes(bytes(100_000))
        filler.unlink()
        async with scratch.work_folder("audio") as folder:
            (folder / "speech.wav").write_bytes(bytes(100_000))


@pytest.mark.parametrize("name", FORMATS)
async def test_audio_on_a_full_disk_is_refused_in_every_format(name: str, small_disk: Path) -> None:
    async def speak(scratch: Scratch) -> None:
        async with scratch.work_folder("audio") as folder:
            encoder = FileEncoder(folder / "audio", FORMATS[name], 24_000)
            encoder.feed(np.random.default_rng(1).uniform(-0.5, 0.5, 24_000 * 20).astype(np.float32))
            encoder.close()

    with Scratch.open(small_disk, "speaker") as scratch:
        fill(small_disk)
        with pytest.raises(StorageFullError):
            await speak(scratch)
