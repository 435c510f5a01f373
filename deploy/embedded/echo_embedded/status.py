"""Status tables for the terminal."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from echo_embedded.data_folder import Running
from echo_embedded.terminal_text import printable


def health_table(url: str, health: dict[str, Any]) -> Table:
    """Return a table with one row per part of each service in the gateway's `/health`."""
    table = Table(
        box=None,
        padding=(0, 2),
        header_style="bold",
        title=_make_printable(f"{url}: {health.get('status', '?')}"),
        title_justify="left",
    )
    for column in ("Service", "Part", "Status", "ms", "Details"):
        table.add_column(column, justify="right" if column == "ms" else "left")
    services = health.get("services") or {health.get("service", "gateway"): health}
    for service, health_of in services.items():
        parts = health_of.get("parts") or {}
        if not parts:
            table.add_row(
                _make_printable(service),
                "",
                _coloured(health_of.get("status", "?")),
                "",
                _make_printable(health_of.get("reason") or ""),
            )
        for name, part in parts.items():
            details = part.get("reason") or _as_text(part.get("facts") or {})
            milliseconds = f"{part['milliseconds']:.1f}"
            table.add_row(
                _make_printable(service),
                _make_printable(name),
                _coloured(part["status"]),
                milliseconds,
                _make_printable(details),
            )
    return table


def process_states(running: Running) -> dict[str, dict[str, Any]]:
    """Return the state of each supervised process by name."""
    return {
        name: {
            "status": "ok" if name in running.processes else "down",
            "pid": running.processes.get(name),
            "restarts": restarts,
        }
        for name, restarts in running.restarts.items()
    }


def process_table(states: dict[str, dict[str, Any]]) -> Table:
    """Return a table with one row per process of `process_states`."""
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("Process", "Status", "Id", "Restarts"):
        table.add_column(column, justify="right" if column in {"Id", "Restarts"} else "left")
    for name, state in states.items():
        table.add_row(name, _coloured(state["status"]), str(state["pid"] or ""), str(state["restarts"]))
    return table


def _as_text(facts: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {_as_text(value) if isinstance(value, dict) else value}" for key, value in facts.items())


def _coloured(status: str) -> str:
    return f"[{'green' if status == 'ok' else 'red'}]{_make_printable(status)}[/]"


def _make_printable(text: str) -> str:
    """Return a text without markup and characters that control the terminal."""
    return escape(printable(text))
