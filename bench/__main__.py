"""`python -m bench [NAME …] [--rounds N] [--write FILE]`."""

import argparse
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench import cache, files, health, hop, jobs, memory, parallel, relay, speech, start, stream, written
from bench.figure import Figure
from bench.stage import Stage

Measure = Callable[[Stage, int], Awaitable[Sequence[Figure]]]

MEASURES: Mapping[str, Measure] = {
    "start": start.measure,
    "speech": speech.measure,
    "stream": stream.measure,
    "parallel": parallel.measure,
    "cache": cache.measure,
    "files": files.measure,
    "hop": hop.measure,
    "relay": relay.measure,
    "jobs": jobs.measure,
    "health": health.measure,
    "memory": memory.measure,
    "written": written.measure,
}
HEADINGS = ("", "What", "Median", "Range", "Promise", "", "Note")


def _machine() -> str:
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{len(names)} cores, {names[0] if names else platform.processor()}, {memory_gib:.0f} GiB, Python {platform.python_version()}"


def _markdown(figures: Sequence[Figure], command: str) -> str:
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *(figure.row() for figure in figures)]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    when = datetime.now(UTC).date().isoformat()
    return (
        f"# Benchmarks\n\nWritten by `{command}` on {when}; {_machine()}. Medians, with the range over all rounds.\n\n{table}\n"
    )


async def _measure(names: Sequence[str], rounds: int, models: Path | None) -> list[Figure]:
    figures: list[Figure] = []
    console = Console(stderr=True)
    async with Stage.open(models) as stage:
        for name in names:
            with console.status(f"measuring {name} …"):
                figures.extend(await MEASURES[name](stage, rounds))
    return figures


def main() -> int:
    """Measure, print, and write when asked to. The exit code is 0: a benchmark reports, it does not judge."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; all when none is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as Markdown too")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASURES):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    figures = uvloop.run(_measure(options.names or list(MEASURES), options.rounds, options.models))
    table = Table(*HEADINGS)
    for figure in figures:
        table.add_row(*figure.row())
    Console().print(table)
    if options.write:
        options.write.write_text(_markdown(figures, "python -m bench " + " ".join(sys.argv[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
