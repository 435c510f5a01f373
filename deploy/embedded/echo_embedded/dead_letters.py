"""Implementation of `echoctl dead-letters`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from echo_common.errors import NotFoundError
from echo_embedded.client import Client
from echo_embedded.terminal_text import printable, printable_json

_PATH = "/api/v1/admin/dead-letters"
_MOST = 100


async def find(client: Client, *, service: str | None, topic: str | None) -> Sequence[dict[str, Any]]:
    """Return the newest dead letters of all services, without their messages."""
    filters = "".join(f"&{name}={value}" for name, value in (("service", service), ("topic", topic)) if value)
    dead_letters: list[dict[str, Any]] = await client.call("GET", f"{_PATH}?limit={_MOST}{filters}")
    return dead_letters


async def show(client: Client, letter_id: str) -> dict[str, Any]:
    """Return a dead letter with its message. Raises `NotFoundError`."""
    dead_letter: dict[str, Any] = await client.call("GET", f"{_PATH}/{await _service_of(client, letter_id)}/{letter_id}")
    return dead_letter


async def replay(client: Client, letter_ids: Sequence[str]) -> None:
    """Redeliver dead letters. Raises `NotFoundError`, and the errors of `Client`."""
    for letter_id in letter_ids:
        service = await _service_of(client, letter_id)
        await client.call("POST", _PATH, {"service": service, "id": letter_id})


def table(dead_letters: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table with one row per dead letter."""
    made = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("Id", "Service", "Topic", "Died", "Attempts", "Error"):
        made.add_column(column, overflow="fold" if column in {"Id", "Error"} else "ellipsis")
    for dead_letter in dead_letters:
        made.add_row(
            *(escape(printable(str(dead_letter[key]))) for key in ("id", "service", "topic", "died_at", "attempts", "error"))
        )
    return made


def as_text(dead_letter: Mapping[str, Any]) -> str:
    """Return a dead letter as indented JSON."""
    return printable_json(dead_letter, indent=2)


async def _service_of(client: Client, letter_id: str) -> str:
    for dead_letter in await find(client, service=None, topic=None):
        if dead_letter["id"] == letter_id:
            return str(dead_letter["service"])
    raise NotFoundError(f"There is no dead letter {letter_id}; `echoctl dead-letters list` shows them.")
