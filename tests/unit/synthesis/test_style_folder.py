"""The files of mixes are limited in number, and readers never see an incomplete one."""

import os
from functools import partial
from pathlib import Path

import pytest

from echo_common.errors import StorageFullError
from echo_synthesis.catalogue import style_folder
from echo_synthesis.catalogue.style_folder import StyleFolder


def _saved(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_the_mixes_used_longest_ago_are_deleted_and_clones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_folder, "_MIXES_KEPT", 2)
    styles = StyleFolder(tmp_path)
    clone, *mixes = styles.clone("a"), *(styles.mix(key) for key in "abcd")
    for age, path in enumerate([clone, *mixes[:3]]):
        styles.write(path, partial(_saved, content=b"style"))
        os.utime(path, (age, age))
    styles.write(mixes[1], partial(_saved, content=b"another"))
    styles.write(mixes[3], partial(_saved, content=b"style"))
    assert sorted(tmp_path.iterdir()) == sorted([clone, mixes[1], mixes[3]])
    assert mixes[1].read_bytes() == b"style"


def test_a_full_disk_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"sty")
        raise OSError(28, "No space left on device")

    styles = StyleFolder(tmp_path)
    with pytest.raises(StorageFullError):
        styles.write(styles.clone("a"), fail)
    assert list(tmp_path.iterdir()) == []
