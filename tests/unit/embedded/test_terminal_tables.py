"""Tables of the terminal: no number is cut in any width, and messages of errors are readable."""

import io
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType

from echo_embedded.statistics_tables import errors_view, statistics_view
from echo_embedded.terminal_tables import DataTable, Screen, data_table, shorten
from echo_embedded.top import PlatformState

WIDTHS = [40, 80, 120]
MESSAGE = "The engine did not respond within 120 seconds. " * 20
SERVICES = ("gateway", "auth", "synthesis", "voice", "feedback")
STATISTICS: dict[str, Any] = {
    "unavailable": [],
    "users": {"total": 1234567, "guests": 234567, "active_day": 345678, "active_month": 456789},
    "jobs": {"pending": 12345, "processing": 23456, "completed": 3456789, "failed": 45678, "cancelled": 56789},
    "queues": [
        {"service": service, "queue": "webhooks", "pending": 10_001 + place, "age_seconds": 98765.4}
        for place, service in enumerate(SERVICES)
    ],
    "engines": [{"engine": "kokoro", "state": "ready", "workers": 32, "busy": 31, "queued": 67890, "restarts": 789}],
    "storage": [{"service": "synthesis", "stored_bytes": 123456789012}],
    "last_day": {
        "requests": 87654321,
        "error_rate": 0.0123,
        "errors": 7654,
        "active_users": 98761,
        "jobs": {"completed": 876543, "failed": 6543},
        "audio_seconds": 7654321.0,
        "cache_hit_rate": 0.456,
        "engines": [{"engine": "kokoro", "segments": 765432, "audio_seconds": 543210.0, "real_time_factor": 0.1234}],
    },
}
NUMBERS = [
    *("1234567", "234567", "345678", "456789", "12345", "23456", "3456789", "45678", "56789", "10001", "10005", "98765.4 s"),
    *("32", "31", "67890", "789", "115.0 GiB", "87654321", "1.2%", "7654", "98761", "876543", "6543", "7,654,321 s", "45.6%"),
    *("765432", "543,210 s", "0.1234"),
]
NAMES = ("requests", "5xx", "active users", "completed jobs", "failed jobs", "cache hits", "active_month", "restarts")
ENTRY = {
    "id": "err_1",
    "last_at": "2026-11-22T23:04:05Z",
    "service": "synthesis",
    "count": 4321,
    "error_type": "EngineUnavailableError",
    "subject": "job_01KAPZ6F2Q7N4T1V3W8Y5X9Z0A",
    "error_message": MESSAGE,
    "request_id": "req_01KAPZ6F2Q7N4T1V3W8Y5X9Z0B",
}


def shown(part: RenderableType, width: int) -> list[str]:
    """Return the lines of a part on a terminal of this width."""
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    lines = ["".join(segment.text for segment in line).rstrip() for line in console.render_lines(part)]
    assert all(len(line) <= width for line in lines)
    return lines


def contains(lines: list[str], word: str) -> bool:
    """Return whether a line holds a word or number as a whole."""
    return any(re.search(rf"(?<![\w,.]){re.escape(word)}(?![\w,.…])", line) for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_and_their_names_are_complete(width: int) -> None:
    lines = shown(statistics_view(STATISTICS), width)
    assert [word for word in (*NUMBERS, *NAMES) if not contains(lines, word)] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_errors_are_readable(width: int) -> None:
    lines = shown(errors_view([ENTRY]), width)
    facts = ("11-22 23:04:05", "synthesis", "count 4321", ENTRY["error_type"], ENTRY["subject"], ENTRY["request_id"])
    assert [fact for fact in facts if not contains(lines, str(fact))] == []
    message = " ".join(line.strip() for line in lines[-2:])
    assert message.endswith("…")
    assert len(message) > 1.5 * width
    assert MESSAGE.startswith(message.removesuffix("…").rstrip())
    assert "The engine" not in " ".join(lines[:-2])


@pytest.mark.parametrize("width", WIDTHS)
def test_a_short_message_is_complete(width: int) -> None:
    assert shown(errors_view([{**ENTRY, "error_message": "It failed."}]), width)[-1] == "  It failed."


def state(errors: int = 8, **health: Any) -> PlatformState:
    services = {name: {"status": "ok", "parts": {}} for name in SERVICES}
    return PlatformState({"status": "degraded", "services": services | health}, STATISTICS, [ENTRY] * errors)


@pytest.mark.parametrize(("width", "height"), [(40, 20), (80, 24), (120, 30), (40, 8), (40, 1)])
def test_a_screen_has_at_most_the_height_of_the_terminal(width: int, height: int) -> None:
    lines = shown(state().render("q quits", height), width)
    assert len(lines) <= height
    assert lines[-1] == "q quits"


@pytest.mark.parametrize(("width", "height"), [(40, 20), (80, 24), (120, 30)])
def test_a_low_screen_shows_failing_services_errors_and_the_longest_queues(width: int, height: int) -> None:
    down = {"status": "down", "reason": "cannot connect"}
    lines = shown(state(voice=down).render("q quits", height), width)
    assert re.fullmatch(r"voice +down +cannot connect", lines[2])
    assert any(line.startswith("  The engine did not respond") for line in lines)
    assert contains(lines, "10005")
    assert any(line.endswith("more lines") for line in lines)


def test_a_high_screen_shows_all() -> None:
    lines = shown(state().render("q quits", 100), 120)
    assert [number for number in NUMBERS[4:] if number != "115.0 GiB" and not contains(lines, number)] == []
    assert not any("more lines" in line for line in lines)


def test_parts_without_room_are_absent() -> None:
    parts: list[RenderableType] = ["\n".join(f"{part}{number}" for number in range(9)) for part in "ab"]
    assert shown(Screen(parts, "end", 9), 40) == ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "… 2 more lines", "end"]


def test_only_columns_of_texts_are_narrowed() -> None:
    table = DataTable("Title", ("name", "number"), [("long name of a service that runs", "1234567890")], ("name",))
    assert shown(table, 30) == [
        "Title",
        "name                    number",
        "long name of a      1234567890",
        "service that runs",
    ]
    assert shown(table, 20)[-1] == "  number 1234567890"


def test_tables_hold_no_control_characters() -> None:
    assert shown(data_table("a\x1b[2J", ("b\x9b",), [("[red]c\u202e",)]), 40) == ["a[2J", "b", "[red]c"]


@pytest.mark.parametrize(("text", "expected"), [("abc", "abc"), ("abc def", "abc\ndef"), ("abc def ghi", "abc\ndef…")])
def test_texts_are_shortened_to_lines(text: str, expected: str) -> None:
    assert shorten(Console(width=80), text, 4, 2).plain.replace(" ", "") == expected
