"""Report of the results, as tables in the terminal and as a Markdown page."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.figure import Comparison, Figure, Result
from bench.load import GENERATOR

PROMISES = ("", "What", "Median", "Range", "Promise", "", "Note")
PEERS = ("Peer", "What", "Echo", "Peer's", "Note")
MISSING = ("Measure", "Reason")

_HOW_TO_READ = """\
## How to read this

Rates differ between machines, so a promise is a ratio to a reference in the same run, or a count. Within a round, Echo and its
reference alternate, so both run under the same conditions. The result is the median over the rounds; the range shows how much
other load the machine had. Each round uses new texts, so no cache affects the result, except where the cache is measured. A
broken promise is reported and does not fail the run; a measurement without a result does.

Echo runs as `make run` starts it, in one process with engine workers as child processes, and is called through its public API
over TCP. Every reference is a separate process on the same machine:

- **P1, P4**: kokoro-onnx with the int8 model and ONNX Runtime, and piper-tts with its packaged voice, used as in their own
  examples. For P4 the reference is the better of two configurations: one single-threaded process per core, or one process with
  all cores.
- **P2, P3, P11, P12, P13, P10**: Echo itself with a smaller request, or earlier in the run.
- **P5**: Starlette's `FileResponse` of the same bytes under the same uvicorn with the same settings, without authentication.
- **P6**: a raw ASGI function that forwards requests with aiohttp to the same upstream on a Unix socket. The gateway runs with
  authentication, limits, metrics and access log.
- **P7**: aio-pika with publisher confirms to the same quorum queue of a private RabbitMQ, with the same number of publications
  in flight. Each event belongs to a different aggregate, so the relay reads and writes one document per event.
- **P14**: the float32 model in ONNX Runtime, whose output for six reference sentences is part of the package
  (`engines/kokoro/correctness.py` explains bounds and margins). Each backend runs in its own process.
- **P15**: proportional set size (PSS) of all processes of a separate platform: shared pages count once.
- **S1, S2**: no reference; S2 runs on a separate platform with the tone engine, and a user owns 500 audio files and 500 texts.
- **features**: synthetic signals with known answers (`tests/support/music.py`), and speech of Echo's voices.
- **recommendations**: generated tracks and listeners (`bench/recommendations.py`), whose tastes are genres, artists and an energy;
  real listeners are less regular, so only the comparison with popularity counts.
- **Peers**: installed from PyPI into a separate environment, started as documented, and called with the same texts in the same
  rounds. First byte and total time refer to a streamed response if the peer supports streaming.
"""


@dataclass
class Report:
    """All results so far. `failures` are exceptions by measure, `absent` missing requirements by measure."""

    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def tables(self) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
        """Yield title, headings and rows of each non-empty table."""
        for title, headings, kind in (("Promises", PROMISES, Figure), ("Peers", PEERS, Comparison)):
            if rows := [result.row() for result in self.results if isinstance(result, kind)]:
                yield title, headings, rows
        if missing := [*self.failures.items(), *self.absent.items()]:
            yield "Not measured", MISSING, missing

    def show(self, console: Console) -> None:
        """Print the tables."""
        for title, headings, rows in self.tables():
            table = Table(*headings, title=title, title_justify="left")
            for row in rows:
                table.add_row(*row)
            console.print(table)

    def page(self, command: str, rounds: int, when: date) -> str:
        """Render the report as a Markdown page."""
        written = f"Written by `{command}` on {when.isoformat()}, {rounds} rounds. {machine()}."
        parts = ["# Benchmarks", f"{written} Load on HTTP servers comes from {GENERATOR}."]
        parts += [f"## {title}\n\n{markdown_table(headings, rows)}" for title, headings, rows in self.tables()]
        return "\n\n".join([*parts, _HOW_TO_READ])


def machine() -> str:
    """Describe this machine."""
    path = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in path.read_text().splitlines() if "model name" in line]
    gib = psutil.virtual_memory().total / 2**30
    return (
        f"{len(names)} cores, {names[0] if names else platform.processor()}, {gib:.0f} GiB, Python {platform.python_version()}"
    )


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Render a table as Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) + " |" for line in lines)
