"""Checks and findings of `echoctl doctor`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from echo_common.errors import EchoError

Status = Literal["ok", "warn", "fail", "skip"]
_STYLES: Mapping[Status, str] = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. The message of a failure says what to do; `facts` are its figures."""

    status: Status
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A named check; an exception counts as a failure."""

    name: str
    run: Callable[[], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings with the names of their checks, in order."""

    findings: Sequence[tuple[str, Finding]]

    @property
    def failed(self) -> bool:
        """True if any check failed."""
        return any(finding.status == "fail" for _, finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        checks = [{"check": name, **asdict(finding)} for name, finding in self.findings]
        return {"status": "failed" if self.failed else "ok", "checks": checks}


async def examine(checks: Sequence[Check], console: Console) -> Report:
    """Run the checks in order and print a line after each."""
    findings: list[tuple[str, Finding]] = []
    width = max(len(check.name) for check in checks)
    for check in checks:
        with console.status(f"{check.name} …"):
            finding = await _finding(check)
        findings.append((check.name, finding))
        console.print(_line(check.name.ljust(width), finding), soft_wrap=True)
    return Report(findings)


async def _finding(check: Check) -> Finding:
    try:
        return await check.run()
    except EchoError as error:
        return Finding("fail", error.message)
    except Exception as error:
        return Finding("fail", f"{type(error).__name__}: {error}")


def _line(name: str, finding: Finding) -> Text:
    label = "FAIL" if finding.status == "fail" else finding.status
    return Text.assemble((label.ljust(5), _STYLES[finding.status]), (f"{name}  ", "bold"), finding.message)
