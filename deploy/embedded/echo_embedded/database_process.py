"""The process around the database server of `echoctl local`: `python -m echo_embedded.database_process FOLDER PORT`."""

import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path

FOLDER_IN_USE = 73
"""Exit code: another server holds the folder."""

_PATIENCE = 3.0
"""Seconds to wait for a server to let go of the folder whose host has just died."""

_GRACE = 10.0


def main() -> int:
    """Serve until standard input ends (which it does with the host) or SIGTERM."""
    folder, port = Path(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_end_with_host, daemon=True).start()
    with (folder / "database.lock").open("w") as lock:
        if not _acquire(lock.fileno()):
            return FOLDER_IN_USE
        from secantus.cli import main as serve

        settings = folder / "database.toml"  # named, so that no other file on this machine is looked for
        settings.touch()
        flags = ["--sync-on-commit", "--standalone"]  # standalone: no oplog, which nobody here reads
        places = ["--config", str(settings), "--storage-path", str(folder / "database"), "--port", port]
        return int(serve([*flags, *places, "--cache-size", "256M", "--log-level", "WARNING"]))


def _acquire(lock: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _end_with_host() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
