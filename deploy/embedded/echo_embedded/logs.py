"""Logging of a platform in one process: warnings on the terminal, everything in a file."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from echo_common.telemetry import add_request, add_trace, console_renderer, render_exceptions, render_json

_FILE_BYTES = 20 * 1024 * 1024
_FILES_KEPT = 5


class _LogFile(RotatingFileHandler):
    """A rotating log file. It reports a failing disk in one sentence on stderr, instead of a traceback per line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")
        self._errors: list[OSError] = []
        self._reported = False

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.clear()
        super().emit(record)
        if self._errors and not self._reported:
            with suppress(OSError, ValueError):
                sys.stderr.write(
                    f"Log lines are lost: {self.baseFilename} cannot be written ({self._errors[0]}). Free some space.\n"
                )
        self._reported = bool(self._errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides a library method
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._errors.append(error)
        else:
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):  # unwritten lines on a full disk
            super().close()


@contextmanager
def logging_to(folder: Path, *, verbose: bool) -> Iterator[Path]:
    """Log JSON lines to a rotating file in `folder`, whose path is yielded, and warnings and above as coloured text to stderr.

    `verbose` logs everything to stderr too.
    """
    before: list[structlog.typing.Processor] = [
        add_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    path = folder / "echo.jsonl"
    file = _LogFile(path)
    file.setFormatter(_formatter(before, render_exceptions, structlog.processors.JSONRenderer(render_json)))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.INFO if verbose else logging.WARNING)
    terminal.setFormatter(_formatter(before, console_renderer(colors=sys.stderr.isatty())))
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    root.handlers = [file, terminal]
    root.setLevel(logging.INFO)
    try:
        yield path
    finally:
        root.handlers, root.level = kept
        file.close()


def _formatter(before: list[structlog.typing.Processor], *last: structlog.typing.Processor) -> logging.Formatter:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[drop, *last])
