"""What is written down when something goes wrong."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from echo_common.settings import CommonSettings
from echo_common.telemetry import configure_logging
from echo_embedded.logs import logging_to


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def go_wrong() -> None:
    """Fail twice with a secret at hand: once in our own log, once in a library's."""
    token = "-".join(("a", "secret", "token"))
    try:
        raise ValueError(f"{len(token)} letters")
    except ValueError as error:
        structlog.get_logger("echo.test").error("ours", exc_info=error)
        logging.getLogger("library").error("theirs", exc_info=error)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_services_log_tells_the_error_but_not_the_variables_around_it(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(CommonSettings(log_format=form))
    go_wrong()
    written = capsys.readouterr().err
    assert written.count("14 letters") >= 2
    assert "a-secret-token" not in written


def test_a_platforms_log_does_neither_on_the_terminal_nor_in_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path, verbose=False) as path:
        go_wrong()
    for written in (path.read_text(), capsys.readouterr().err):
        assert written.count("14 letters") >= 2
        assert "a-secret-token" not in written
