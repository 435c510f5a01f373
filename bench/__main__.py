"""Command line of the benchmarks: `python -m bench [NAME …] [--rounds N] [--write FILE]`."""

import argparse
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console

from bench import (
    cache,
    correctness,
    erasure,
    features,
    feedback,
    files,
    group,
    health,
    hop,
    idle,
    jobs,
    latency,
    logins,
    memory,
    parallel,
    peers,
    quality,
    recommendations,
    relay,
    speech,
    start,
    stream,
    talk,
    watermark,
    written,
)
from bench.figure import NotMeasuredError, Result
from bench.report import Report
from bench.stage import Stage

Measure = Callable[[Stage, int], Awaitable[Sequence[Result]]]

MEASURES: Mapping[str, Measure] = {
    "start": start.measure,
    "correctness": correctness.measure,
    "speech": speech.measure,
    "stream": stream.measure,
    "latency": latency.measure,
    "talk": talk.measure,
    "parallel": parallel.measure,
    "files": files.measure,
    "hop": hop.measure,
    "relay": relay.measure,
    "jobs": jobs.measure,
    "health": health.measure,
    "logins": logins.measure,
    "erasure": erasure.measure,
    "feedback": feedback.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "cache": cache.measure,
    "written": written.measure,
    "quality": quality.measure,
    "features": features.measure,
    "group": group.measure,
    "recommendations": recommendations.measure,
    "watermark": watermark.measure,
    "peers": peers.measure,
}
_WIDTH = 160


async def _measure(names: Sequence[str], rounds: int, models: Path | None, console: Console) -> Report:
    """Run the measures; after a failed one, the others run on a fresh platform."""
    report = Report()
    waiting = deque(names)
    while waiting:
        following = waiting[0]
        try:
            async with Stage.open(models) as stage:
                while waiting and not await _one(waiting.popleft(), stage, rounds, report, console):
                    pass
        except Exception as error:
            report.failures[f"the platform, for {following}"] = f"{type(error).__name__}: {error}"
            waiting = deque(name for name in waiting if name != following)
    return report


async def _one(name: str, stage: Stage, rounds: int, report: Report, console: Console) -> bool:
    """Run a measure and return whether it failed."""
    started = time.monotonic()
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {name} …", end="", highlight=False)
    try:
        await stage.log_in()
        report.results.extend(await MEASURES[name](stage, rounds))
    except NotMeasuredError as error:
        report.absent[name] = str(error)
        console.print(f" not measured: {error}", highlight=False)
    except Exception as error:
        report.failures[name] = f"{type(error).__name__}: {error}"
        console.print(" [bold red]failed[/]")
        console.print_exception()
        return True
    else:
        console.print(f" {time.monotonic() - started:.0f} s", highlight=False)
    return False


def main() -> int:
    """Measure, print, and optionally write a page. Return 1 if a measure failed; a broken promise is only reported."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(MEASURES)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write a Markdown page")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASURES):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    report = uvloop.run(_measure(options.names or list(MEASURES), options.rounds, options.models, Console(stderr=True)))
    console = Console()
    console.width = max(console.width, _WIDTH)
    report.show(console)
    if options.write:
        command = "make bench" if not options.names else f'make bench ARGS="{" ".join(sys.argv[1:])}"'
        options.write.write_text(report.page(command, options.rounds, datetime.now(UTC).date()))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
