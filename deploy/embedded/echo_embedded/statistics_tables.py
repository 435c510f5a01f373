"""Tables of statistics and errors for the terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from echo_embedded.terminal_text import printable

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
Fields = Mapping[str, Any]


def table_of(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table; columns after the first are aligned to the right."""
    table = Table(
        box=None, padding=(0, 2), header_style="bold", title=escape(printable(title)), title_justify="left", title_style="bold"
    )
    for place, column in enumerate(columns):
        table.add_column(escape(printable(column)), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(escape(printable(str(cell))) for cell in row))
    return table


def statistics_view(statistics: Fields) -> RenderableType:
    """Return the current statistics as tables."""
    parts: list[RenderableType] = []
    if unavailable := statistics["unavailable"]:
        parts.append(Text(f"No response from: {', '.join(map(printable, unavailable))}", style="red"))
    if users := statistics["users"]:
        parts.append(table_of("Users", tuple(users), [tuple(users.values())]))
    if jobs := statistics["jobs"]:
        parts.append(table_of("Jobs", tuple(jobs), [tuple(jobs.values())]))
    parts += [queues_table(statistics), engines_table(statistics)]
    sizes = [(part["service"], size_of(part["stored_bytes"])) for part in statistics["storage"]]
    parts.append(table_of("Storage", ("service", "size"), sizes))
    if day := statistics["last_day"]:
        parts += [day_table(day), speech_table(day)]
    return Group(*parts)


def queues_table(statistics: Fields) -> Table:
    """Return the work queues with their depth and age."""
    rows = [
        (f"{queue['service']}/{queue['queue']}", queue["pending"], f"{queue['age_seconds']:.1f} s")
        for queue in statistics["queues"]
    ]
    return table_of("Work queues", ("queue", "pending", "age"), rows)


def engines_table(statistics: Fields) -> Table:
    """Return the engines with their processes and queues."""
    columns = ("engine", "state", "workers", "busy", "queued", "restarts")
    return table_of("Engines", columns, [[engine[name] for name in columns] for engine in statistics["engines"]])


def day_table(day: Fields) -> Table:
    """Return what happened in the last 24 hours."""
    row = (
        day["requests"],
        share_of(day["error_rate"]),
        day["errors"],
        day["active_users"],
        day["jobs"]["completed"],
        day["jobs"]["failed"],
        f"{day['audio_seconds']:,.0f} s",
        share_of(day["cache_hit_rate"]),
    )
    columns = ("requests", "5xx", "errors", "active users", "completed jobs", "failed jobs", "audio", "cache hits")
    return table_of("Last 24 hours", columns, [row])


def speech_table(day: Fields) -> Table:
    """Return the speech of the engines in the last 24 hours."""
    rows = [
        (
            one["engine"],
            one["segments"],
            f"{one['audio_seconds']:,.0f} s",
            "-" if one["real_time_factor"] is None else one["real_time_factor"],
        )
        for one in day["engines"]
    ]
    return table_of("Speech in the last 24 hours", ("engine", "segments", "audio", "real-time factor"), rows)


def errors_table(errors: Sequence[Fields]) -> Table:
    """Return the error log, one row per entry."""
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("Time", "Service", "Count", "Type", "Subject", "Message", "Request"):
        table.add_column(column, overflow="fold" if column in {"Message", "Request"} else "ellipsis")
    for error in errors:
        moment = datetime.fromisoformat(error["last_at"]).strftime("%Y-%m-%d %H:%M:%S")
        names = ("service", "count", "error_type", "subject", "error_message", "request_id")
        table.add_row(moment, *(escape(printable(str("" if error[name] is None else error[name]))) for name in names))
    return table


def share_of(share: float | None) -> str:
    """Return a share in per cent."""
    return "-" if share is None else f"{share:.1%}"


def size_of(size: float) -> str:
    """Return a size with its unit."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"
