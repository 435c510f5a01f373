"""Tests of supervised child processes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from echo_embedded.children import Child, Command
from echo_embedded.data_folder import CannotStartError
from tests.support.eventually import eventually


def child(script: str, folder: Path) -> Child:
    return Child("child", Command([sys.executable, "-c", script], {}, folder / "child.log"))


async def test_killed_children_are_restarted(tmp_path: Path) -> None:
    sleeper = child("import time; time.sleep(600)", tmp_path)
    sleeper.start()
    await eventually(lambda: sleeper.pid is not None)
    first = sleeper.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    await eventually(lambda: sleeper.pid not in {None, first})
    await sleeper.stop()
    assert sleeper.pid is None


@pytest.mark.parametrize(("script", "starts"), [("import sys; print('no'); sys.exit(2)", 1), ("print('no'); exit(1)", 4)])
async def test_children_that_never_start_are_given_up_with_their_last_output(script: str, starts: int, tmp_path: Path) -> None:
    hopeless = child(script, tmp_path)

    with pytest.raises(CannotStartError, match="no"):
        await asyncio.wait_for(hopeless.start(), 30)

    assert (tmp_path / "child.log").read_text().splitlines() == ["no"] * starts


async def test_children_that_have_not_started_can_be_stopped(tmp_path: Path) -> None:
    sleeper = child("import time; time.sleep(600)", tmp_path)
    task = sleeper.start()

    await sleeper.stop()

    assert task.done()
    assert sleeper.pid is None


async def test_children_that_have_run_are_never_given_up(tmp_path: Path) -> None:
    refuses = tmp_path / "refuses"
    script = f"import pathlib, sys, time; sys.exit(2) if pathlib.Path({str(refuses)!r}).exists() else time.sleep(600)"
    kept = child(script, tmp_path)
    task = kept.start()
    await eventually(lambda: kept.pid is not None)
    kept.mark_started()
    assert kept.pid is not None

    refuses.touch()
    os.kill(kept.pid, signal.SIGKILL)
    await eventually(lambda: kept.restarts > 1, within=30)
    refuses.unlink()

    await eventually(lambda: kept.pid is not None, within=30)
    assert not task.done()
    await kept.stop()


async def test_an_unwritable_log_does_not_stop_restarts(tmp_path: Path) -> None:
    folder, away = tmp_path / "logs", tmp_path / "away"
    folder.mkdir()
    kept = child("import time; time.sleep(600)", folder)
    task = kept.start()
    await eventually(lambda: kept.pid is not None)
    kept.mark_started()
    assert kept.pid is not None

    folder.rename(away)
    os.kill(kept.pid, signal.SIGKILL)
    await eventually(lambda: kept.restarts > 1 or task.done(), within=30)
    away.rename(folder)

    await eventually(lambda: kept.pid is not None, within=30)
    assert not task.done()
    await kept.stop()
