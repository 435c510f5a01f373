"""Optional requirements of tests: missing ones are skipped with a reason and listed at the end of the run.

A fixture that looks for such a thing answers with it or with `Missing(reason)`; another gives it to tests through `require`.
`ECHO_TEST_REQUIRE=rabbitmq,mongodb` turns the skips of these names into failures.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pytest

T = TypeVar("T")


@dataclass(frozen=True)
class Missing:
    """Reason why a requirement is not available."""

    reason: str


class Require(Protocol):
    """`require("rabbitmq", found)` returns `found`, or skips the test (or fails it, when the name is required)."""

    def __call__(self, name: str, found: T | Missing) -> T: ...


MARK = "not on this machine: "
_SKIPPED = re.compile(re.escape(MARK) + r"(\S+) \((.*)\)")


@pytest.fixture(scope="session")
def require() -> Require:
    required = {name.strip() for name in os.environ.get("ECHO_TEST_REQUIRE", "").split(",")}

    def check(name: str, found: T | Missing) -> T:
        if not isinstance(found, Missing):
            return found
        if name in required:
            pytest.fail(f"{name} is required (ECHO_TEST_REQUIRE) and missing: {found.reason}", pytrace=False)
        pytest.skip(f"{MARK}{name} ({found.reason})")

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write one line per reason of skipped tests: a line for each would push the failures out of a shortened log."""
    texts = [str(report.longrepr[2]) for report in terminalreporter.getreports("skipped")]
    for reason, count in Counter(text.removeprefix("Skipped: ") for text in texts).items():
        if found := _SKIPPED.search(reason):
            terminalreporter.write_line(f"NOT EXERCISED: {found[1]}, {count} tests ({found[2]})", yellow=True, bold=True)
        else:
            terminalreporter.write_line(f"SKIPPED: {count} tests ({reason})")
