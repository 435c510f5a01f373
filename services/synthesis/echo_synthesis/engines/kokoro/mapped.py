"""Release of memory-mapped files."""

import ctypes
import sys
from pathlib import Path

_MADV_DONTNEED = 4


def drop_mapped(folder: Path) -> int:
    """Drop the mapped pages of the files in a folder from this process; the kernel reads them again when needed.

    OpenVINO maps a compiled model and copies its weights into the layout of the processor: 318 MB that are never read again.

    Returns:
        The size of the dropped mappings in bytes; 0 where the operating system has no such call.
    """
    if sys.platform != "linux":
        return 0
    libc, dropped, inside = ctypes.CDLL(None), 0, f"{folder.resolve()}/"  # the kernel lists resolved paths
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, mode, *_, path = line.split(maxsplit=5)
        # skip writable mappings: their changes would be lost
        if "w" in mode or not path.startswith(inside):
            continue
        start, end = (int(address, 16) for address in place.split("-"))
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
            dropped += end - start
    return dropped
