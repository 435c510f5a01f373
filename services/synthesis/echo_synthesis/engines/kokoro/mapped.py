"""Memory that is a mapped file."""

import ctypes
import sys
from pathlib import Path

_MADV_DONTNEED = 4


def drop_mapped(folder: Path) -> int:
    """Drop the pages of the files below a folder from this process; they are read again where they are needed.

    OpenVINO maps a compiled model and copies its weights into the layout of the processor: 318 MB that nothing reads again.

    Returns:
        The bytes of the mappings; 0 where the operating system has no such call.
    """
    if sys.platform != "linux":
        return 0
    libc, dropped, inside = ctypes.CDLL(None), 0, f"{folder.resolve()}/"  # the kernel names files without symbolic links
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, mode, *_, path = line.split(maxsplit=5)
        # never a mapping that can be written: its changes would be lost
        if "w" in mode or not path.startswith(inside):
            continue
        start, end = (int(address, 16) for address in place.split("-"))
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
            dropped += end - start
    return dropped
