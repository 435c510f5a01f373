"""Runner for a module without a network, where the platform allows it.

Usage: `python -m echo_common.run_without_network MODULE ARGUMENT…`.

Only the standard library is imported before the module runs: a user namespace is refused to a process with threads.
"""

import ctypes
import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

CHECK = "--check"
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def cut_network() -> bool:
    """Move this process into a network namespace without interfaces; return whether that was permitted.

    Root may do so directly, other users in a user namespace of their own, in which they keep their ids.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        return False
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    return True


if __name__ == "__main__":
    permitted = cut_network()
    if sys.argv[1] == CHECK:
        sys.exit(not permitted)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
