"""Names, rotation and schedule of the archives in a folder."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from echo_common.clock import now
from echo_embedded.data_folder import CannotStartError

_NAME = re.compile(r"echo-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)\.tar")
_TIME = "%Y-%m-%dT%H-%M-%SZ"
_INTERVAL = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_interval(text: str) -> timedelta:
    """Return the interval in a text such as 30m, 24h or 7d. Raises `CannotStartError`."""
    found = _INTERVAL.fullmatch(text)
    if found is None or not int(found[1]):
        raise CannotStartError(f"--every takes a number and m, h or d, such as 24h, not {text}.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def archive_name(moment: datetime) -> str:
    """Return the name of an archive made at a moment."""
    return f"echo-{moment.astimezone(UTC).strftime(_TIME)}.tar"


def list_archives(folder: Path) -> Sequence[Path]:
    """Return the archives in a folder that have names of `archive_name`, oldest first.

    Those of a later moment than now, made while the clock was wrong, come before all others.
    """
    times = _read_times(folder)
    moment = now()
    return sorted(times, key=lambda path: (times[path] <= moment, times[path]))


def find_newest(folder: Path) -> datetime | None:
    """Return the time in the name of the newest archive in a folder, None without one; later moments than now do not count."""
    moment = now()
    return max((time for time in _read_times(folder).values() if time <= moment), default=None)


def _read_times(folder: Path) -> Mapping[Path, datetime]:
    return {path: _time(found[1]) for path in folder.iterdir() if (found := _NAME.fullmatch(path.name))}


def _time(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def rotate(folder: Path, keep: int) -> Sequence[Path]:
    """Remove the oldest archives in a folder so that `keep` are left; return the removed ones."""
    removed = list_archives(folder)[:-keep]
    for path in removed:
        path.unlink()
    return removed


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Create and lock a folder of archives; remove unfinished ones. Raises `CannotStartError`, `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStartError(f"Another backup into {folder} is running.") from None
        for leftover in folder.glob(".*.tar.part"):
            leftover.unlink()
        yield
    finally:
        os.close(lock)
