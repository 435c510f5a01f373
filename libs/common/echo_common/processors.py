"""The processors that this process may use."""

import os


def usable_processors() -> int:
    """Return the number of processors that this process may use: all of the machine's where no system call tells."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1
