"""Tables of statistics and errors for the terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from echo_embedded.terminal_tables import DataTable, LogEntry, data_table
from echo_embedded.terminal_text import printable

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
Fields = Mapping[str, Any]


def statistics_view(statistics: Fields) -> RenderableType:
    """Return the current statistics as tables."""
    parts: list[RenderableType] = []
    if unavailable := statistics["unavailable"]:
        parts.append(Text(f"No response from: {', '.join(map(printable, unavailable))}", style="red"))
    if users := statistics["users"]:
        parts.append(data_table("Users", tuple(users), [tuple(users.values())]))
    if jobs := statistics["jobs"]:
        parts.append(data_table("Jobs", tuple(jobs), [tuple(jobs.values())]))
    parts += [queues_table(statistics), engines_table(statistics)]
    sizes = [(part["service"], size_of(part["stored_bytes"])) for part in statistics["storage"]]
    parts.append(data_table("Storage", ("service", "size"), sizes, ("service",)))
    if day := statistics["last_day"]:
        parts += [day_table(day), speech_table(day)]
    return Group(*parts)


def queues_table(statistics: Fields) -> DataTable:
    """Return the work queues with their depth and age."""
    rows = [
        (f"{queue['service']}/{queue['queue']}", queue["pending"], f"{queue['age_seconds']:.1f} s")
        for queue in statistics["queues"]
    ]
    return data_table("Work queues", ("queue", "pending", "age"), rows, ("queue",))


def engines_table(statistics: Fields) -> DataTable:
    """Return the engines with their processes and queues."""
    columns = ("engine", "state", "workers", "busy", "queued", "restarts")
    rows = [[engine[name] for name in columns] for engine in statistics["engines"]]
    return data_table("Engines", columns, rows, ("engine", "state"))


def day_table(day: Fields) -> DataTable:
    """Return the totals of the last 24 hours."""
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
    return data_table("Last 24 hours", columns, [row])


def speech_table(day: Fields) -> DataTable:
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
    columns = ("engine", "segments", "audio", "real-time factor")
    return data_table("Speech in the last 24 hours", columns, rows, ("engine",))


def errors_view(errors: Sequence[Fields]) -> Group:
    """Return the error log: the facts of each entry, and its message below them."""
    return Group(*(_entry_of(error, ("error_type", "subject", "request_id")) for error in errors))


def last_errors_view(errors: Sequence[Fields]) -> Group:
    """Return the error log with few lines per entry."""
    return Group(Text("Last errors", style="bold"), *(_entry_of(error, ("error_type",), lines=1) for error in errors))


def _entry_of(error: Fields, names: Sequence[str], lines: int = 2) -> LogEntry:
    moment = datetime.fromisoformat(error["last_at"]).strftime("%m-%d %H:%M:%S")
    texts = [(moment, "bold"), (error["service"], ""), (f"count {error['count']}", ""), *((error[name], "") for name in names)]
    facts = [Text(printable(str(text)), style) for text, style in texts if text]
    return LogEntry(facts, printable(str(error["error_message"] or "")), lines)


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
