"""Implementation of `echoctl top`: the live state of a platform in the terminal."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from echo_common.errors import EchoError
from echo_embedded.client import Client
from echo_embedded.statistics_tables import day_table, engines_table, last_errors_view, queues_table, speech_table
from echo_embedded.terminal_tables import DataTable, Screen, data_table
from echo_embedded.terminal_text import printable

_ERRORS: Final = 8
_QUIT: Final = frozenset({"q", "Q"})


@dataclass(slots=True)
class PlatformState:
    """The last reading of a platform; parts that could not be read are None, with the reason in `problems`."""

    health: Mapping[str, Any] | None = None
    statistics: Mapping[str, Any] | None = None
    errors: list[dict[str, Any]] | None = None
    problems: list[str] = field(default_factory=list)
    requests_per_second: float | None = None

    def render(self, footer: str = "", height: int | None = None) -> RenderableType:
        """Return the state as tables, the most important first; those of a full screen are shortened to its height."""
        parts: list[RenderableType] = []
        if self.problems:
            parts.append(Text("\n".join(dict.fromkeys(self.problems)), style="red"))
        if self.health is not None:
            parts.append(_services(self.health))
        if self.errors is not None:
            parts.append(last_errors_view(self.errors))
        if self.statistics is not None:
            rate = "-" if self.requests_per_second is None else f"{self.requests_per_second:.1f}"
            parts += [queues_table(_longest_first(self.statistics)), Text(f"Requests per second: {rate}")]
            if jobs := self.statistics["jobs"]:
                parts.append(data_table("Jobs", tuple(jobs), [tuple(jobs.values())]))
            parts.append(engines_table(self.statistics))
            if day := self.statistics["last_day"]:
                parts += [day_table(day), speech_table(day)]
        return Screen(parts, footer, height)


class StateReader:
    """Reads the state of a platform; a part that fails does not hide the others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests: tuple[int, float] | None = None

    async def read(self) -> PlatformState:
        """Read the current state."""
        state = PlatformState()
        found = await asyncio.gather(
            self._client.call("GET", "/health"),
            self._client.call("GET", "/api/v1/admin/stats"),
            self._client.call("GET", f"/api/v1/admin/errors?sort_by=last_at&limit={_ERRORS}"),
            return_exceptions=True,
        )
        for error in found:
            if isinstance(error, EchoError):
                state.problems.append(printable(error.message))
            elif isinstance(error, BaseException):
                raise error
        health, statistics, errors = (None if isinstance(part, BaseException) else part for part in found)
        state.health, state.statistics, state.errors = health, statistics, errors
        if statistics is not None:
            state.problems += [f"No response from {printable(name)}." for name in statistics["unavailable"]]
            state.requests_per_second = self._rate(statistics["last_day"])
        return state

    def _rate(self, day: Mapping[str, Any] | None) -> float | None:
        """Return the requests per second since the last reading; services report them every few seconds."""
        if day is None:
            return None
        moment, before = monotonic(), self._requests
        if before is None or day["requests"] < before[0]:
            self._requests = day["requests"], moment
            return None
        seconds = moment - before[1]
        rate = (day["requests"] - before[0]) / seconds if seconds else None
        if seconds > 10:
            self._requests = day["requests"], moment
        return rate


async def watch(client: Client, console: Console, *, every: float, once: bool) -> None:
    """Show the platform's state until q or Ctrl-C; with `once` print it once.

    Raises the errors of `Client` with `once`, if nothing could be read.
    """
    reader = StateReader(client)
    if once:
        state = await reader.read()
        console.print(state.render())
        if state.health is None and state.statistics is None:
            raise EchoError(state.problems[0])
        return
    with _quit_key() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while not pressed.is_set():
            state = await reader.read()
            live.update(state.render("q quits", console.size.height), refresh=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await pressed.wait()


@contextmanager
def _quit_key() -> Iterator[asyncio.Event]:
    """Yield an event that is set when q is pressed; restore the terminal on exit."""
    pressed, loop = asyncio.Event(), asyncio.get_running_loop()
    if not sys.stdin.isatty():
        yield pressed
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def read() -> None:
        if set(os.read(number, 64).decode(errors="replace")) & _QUIT:
            pressed.set()

    tty.setcbreak(number)
    loop.add_reader(number, read)
    try:
        yield pressed
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _longest_first(statistics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the statistics with the longest queues first, which a low screen shows."""
    return {**statistics, "queues": sorted(statistics["queues"], key=lambda queue: -queue["pending"])}


def _services(health: Mapping[str, Any]) -> DataTable:
    """Return the health of the services; those that fail are first."""
    services = health.get("services") or {"platform": health}
    rows = []
    for name, service in sorted(services.items(), key=lambda item: item[1].get("status") == "ok"):
        down = [part for part, state in (service.get("parts") or {}).items() if state.get("status") != "ok"]
        rows.append((name, service.get("status", "?"), ", ".join(down) or service.get("reason") or ""))
    columns = ("service", "status", "failing")
    return data_table(f"Health: {health.get('status', '?')}", columns, rows, columns)
