"""Pages of a mapped file are released, and read again on demand."""

import mmap
import sys
from pathlib import Path

import pytest

from echo_synthesis.engines.kokoro.mapped import drop_mapped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no such call")
SIZE = 4 * 1024**2


def resident(path: Path) -> int:
    """Return the resident kilobytes of a file in this process."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[at:] if line.startswith("Rss:"))


def test_released_pages_use_no_memory_until_read_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(b"w" * SIZE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as weights:
        assert weights[:].count(b"w") == SIZE
        assert resident(path) * 1024 == SIZE
        assert drop_mapped(path.parent) == SIZE
        assert resident(path) == 0
        assert weights[:].count(b"w") == SIZE


def test_files_behind_a_symbolic_link_are_found(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(b"w" * SIZE)
    link = tmp_path / "link"
    link.symlink_to(path.parent)
    with (link / path.name).open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        assert drop_mapped(link) == SIZE


def test_modified_pages_and_other_folders_are_kept(tmp_path: Path) -> None:
    for name in ("folder", "folder-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.bin").write_bytes(b"w" * SIZE)
    changing, other = tmp_path / "folder" / "weights.bin", tmp_path / "folder-2" / "weights.bin"
    with changing.open("rb") as one, other.open("rb") as two:
        private = mmap.mmap(one.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        beside = mmap.mmap(two.fileno(), 0, prot=mmap.PROT_READ)
        private[0] = ord("x")
        assert drop_mapped(tmp_path / "folder") == 0
        assert private[0] == ord("x")
        private.close()
        beside.close()
