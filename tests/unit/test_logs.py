"""Tests of logs of failures."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging
from echo_embedded.logs import logging_to
from tests.support.disks import fill


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def go_wrong() -> None:
    """Log two errors with a secret in scope: one from Echo, one from a library."""
    token = "-".join(("a", "secret", "token"))
    try:
        raise ValueError(f"{len(token)} letters")
    except ValueError as error:
        structlog.get_logger("echo.test").error("ours", exc_info=error)
        logging.getLogger("library").error("theirs", exc_info=error)


@pytest.mark.parametrize("form", ["json", "console"])
def test_service_logs_contain_errors_without_local_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(CommonSettings(log_format=form))
    go_wrong()
    written = capsys.readouterr().err
    assert written.count("14 letters") >= 2
    assert "a-secret-token" not in written


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_that_cannot_be_written_fails_no_request(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device that is a full disk
        monkeypatch.setattr("sys.stderr", full)
        configure_logging(CommonSettings(log_format=form))
        structlog.get_logger("echo.test").error("ours", text="x" * 10_000)
        logging.getLogger("library").error("theirs")
        monkeypatch.undo()
        with suppress(OSError):
            full.close()


def test_platform_logs_contain_no_local_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path, verbose=False) as path:
        go_wrong()
    for written in (path.read_text(), capsys.readouterr().err):
        assert written.count("14 letters") >= 2
        assert "a-secret-token" not in written


def test_a_full_disk_is_reported_in_one_sentence_without_tracebacks(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = structlog.get_logger("echo.test")
    with logging_to(small_disk, verbose=False) as path:
        filler = fill(small_disk)
        for _ in range(50):
            log.info("while_full", text="x" * 1000)
        [said] = capsys.readouterr().err.splitlines()
        assert f"{path} cannot be written" in said

        filler.unlink()
        log.info("space_again")
        log.info("space_still")
        assert '"event":"space_still"' in path.read_text()
        fill(small_disk)
        log.info("full_again", text="x" * 10_000)
        assert len(capsys.readouterr().err.splitlines()) == 1
