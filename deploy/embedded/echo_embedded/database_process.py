"""Process of the database server of `echoctl local`: `python -m echo_embedded.database_process FOLDER PORT`."""

import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path

FOLDER_IN_USE = 73
"""Exit code if another server holds the folder."""

_PATIENCE = 3.0
"""Seconds to wait until the server of a crashed host releases the folder."""

_GRACE = 10.0


def main() -> int:
    """Serve until SIGTERM, or until standard input closes, which happens when the host ends; return the exit status."""
    folder, port = Path(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_end_with_host, daemon=True).start()
    with (folder / "database.lock").open("w") as lock:
        if not _acquire(lock.fileno()):
            return FOLDER_IN_USE
        from secantus.cli import main as serve

        settings = folder / "database.toml"  # explicit, so that the server searches for no other configuration file
        settings.touch()
        flags = ["--sync-on-commit", "--standalone"]  # standalone: no oplog, which nothing here reads
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
