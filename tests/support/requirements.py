"""Things a test needs that a machine may not have: skipped with a reason, and named at the end of the run.

A fixture that looks for such a thing answers with it or with `Missing(reason)`; another gives it to tests through `require`.
`ECHO_TEST_REQUIRE=rabbitmq,mongodb` turns the skips of these names into failures.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import pytest

T = TypeVar("T")


@dataclass(frozen=True)
class Missing:
    """Why something is not to be had on this machine."""

    reason: str


class Require(Protocol):
    """`require("rabbitmq", found)` gives what was found, or skips the test (fails it, when the name is required)."""

    def __call__(self, name: str, found: T | Missing) -> T: ...


@dataclass
class Absent:
    """What was missing in this run, and why."""

    reasons: dict[str, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


ABSENT = pytest.StashKey[Absent]()
MARK = "not on this machine: "


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ABSENT] = Absent()


@pytest.fixture(scope="session")
def require(pytestconfig: pytest.Config) -> Require:
    required = {name.strip() for name in os.environ.get("ECHO_TEST_REQUIRE", "").split(",")}

    def check(name: str, found: T | Missing) -> T:
        if not isinstance(found, Missing):
            return found
        if name in required:
            pytest.fail(f"{name} is required (ECHO_TEST_REQUIRE) and missing: {found.reason}", pytrace=False)
        pytestconfig.stash[ABSENT].reasons[name] = found.reason
        pytest.skip(f"{MARK}{name} ({found.reason})")

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    absent = config.stash[ABSENT]
    for report in terminalreporter.getreports("skipped"):
        text = str(report.longrepr)
        absent.skipped.update(name for name in absent.reasons if f"{MARK}{name} " in text)
    for name, reason in absent.reasons.items():
        terminalreporter.write_line(f"NOT EXERCISED: {name}, {absent.skipped[name]} tests ({reason})", yellow=True, bold=True)
