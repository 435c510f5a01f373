"""Number of processors available to this process."""

import os


def usable_processors() -> int:
    """Return the number of processors available to this process: all of the machine's where no system call reports it."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1
